return { run = function(value) return value end, rank = function() end, weight = 3 }
