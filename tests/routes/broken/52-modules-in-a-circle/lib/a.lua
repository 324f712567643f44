local b = require "lib.b"
return { b = b }
