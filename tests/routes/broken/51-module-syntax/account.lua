local prices = require "lib.prices"
