return {
  a = require "lib.a",
}
