---@meta _

-- What routes are made of, and what their functions see.

---What routes have in common with the groups around them.
---@class moongate.GroupKeys
---@field within? moongate.Duration time for the whole request; 504 beyond
---@field input? moongate.Input what the client must send; everything wrong is listed in a 400
---@field host? string for this host only: `"api.example.com"`, `"{tenant}.example.com"`
---@field limits? moongate.RouteLimits as in gateway.lua, for this route alone
---@field before? moongate.Before runs before any call; may answer itself, or add to `req.context`
---@field after? moongate.After may change what the route says, its problems too

---What `before` returns is the reply, unless it is nil.
---@alias moongate.Before fun(req: moongate.Request): any

---@alias moongate.After fun(req: moongate.Request, reply: moongate.Outgoing)

---@class moongate.Route : moongate.GroupKeys
---Those that depend on nothing start at once, each other one when what its placeholders name has landed.
---@field calls? table<string, moongate.Call>
---A template with placeholders, or a function; absent: each call's name with its body.
---@field reply? moongate.Json|moongate.ReplyFunction
---@field pass? moongate.Call in place of `reply`: its answer is the reply, unread
---@field idle? moongate.Duration with `pass`: how long it may stand still once its answer has begun

---Parameters of the path by their names, and what else the client sends.
---@class moongate.Input
---@field query? table<string, moongate.FieldType|moongate.Field> fields of the query
---@field headers? table<string, moongate.FieldType|moongate.Field> in any case
---@field body? table<string, moongate.FieldType|moongate.Field> members of a JSON object
---@field [string] moongate.FieldType|moongate.Field a parameter of the path

---A type; with `?` it may be absent, with `[]` it is a list.
---@alias moongate.FieldType
---| "string"
---| "string?"
---| "string[]"
---| "integer"
---| "integer?"
---| "integer[]"
---| "number"
---| "number?"
---| "number[]"
---| "boolean"
---| "boolean?"
---| "boolean[]"
---| "uuid"
---| "uuid?"
---| "uuid[]"
---| "any"
---| "any?"
---| "any[]"
---| string

---@class moongate.Field
---@field [1] moongate.FieldType what it is
---@field default? moongate.Json the value when it is absent
---@field min? number the least; of a string how many characters
---@field max? number the most; of a string how many characters
---@field match? string of a string: a pattern (PCRE2)
---@field one_of? moongate.Json[] the values that are allowed

---@class moongate.RouteLimits
---@field body? moongate.Size a request's body
---@field calls? integer calls that one request's functions make
---@field each? integer elements of a list that gate.each goes through
---@field fields? integer fields of a query or form, keys of an object in a request's JSON
---@field match? integer steps that the patterns of a request's input may take together
---@field match_text? moongate.Size a text that a pattern of input looks at
---@field memory? moongate.Size what a function adds to its state between two waits
---@field result? moongate.Size the body of one call's result
---@field results? moongate.Size the bodies of all results of one request
---@field script? moongate.Duration CPU time of one request's functions

---The request as functions see it.
---@class moongate.Request
---@field id string as in `X-Request-Id`
---@field method string in capitals
---@field path string without the query
---@field host string as the client named it
---@field ip string of the client
---@field params table<string, any> of the path, converted as `input` says
---@field query table<string, any> the first value of each name unless declared as a list
---@field headers table<string, any> looked up in any case
---@field cookies table<string, string> by their names
---@field body any the JSON, decoded when first touched; 400 if it is none
---@field text string the body as it came
---@field form table<string, string> the fields of a body that is a form
---@field context table of the author, the same for all functions of one request

---What `gate.reply` takes; one of `json` `text` `html` `body`.
---@class moongate.ReplyFields
---@field status? integer 200 unless given
---@field headers? table<string, string|number|string[]> a list is sent as that many fields
---@field json? moongate.Json written as `application/json`
---@field text? string as `text/plain`
---@field html? string as `text/html`
---@field body? string bytes of any kind

---A reply in full, to be returned.
---@class moongate.Reply : moongate.ReplyFields

---The reply as `after` may change it.
---@class moongate.Outgoing
---@field status integer from 200 to 599
---@field headers table<string, string|string[]> looked up and set in any case
---@field body string the body as text
---@field json moongate.Json the body decoded; nil when it is no JSON. Once read it is written anew

---What is raised to end a request, as pcall sees it.
---@class moongate.Problem
---@field status integer from 300 to 599
---@field title string what the status means
---@field detail string? what happened, for the client
---@field calls { name: string, kind: moongate.Kind, status: integer? }[]? the calls that failed
---@field file string? of the route
---@field line integer? in that file
