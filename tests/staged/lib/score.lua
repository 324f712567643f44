return { run = function(n) return { score = n * 2 } end }
