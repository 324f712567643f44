#include "gateway/refusal.h"

#include "gateway/answer.h"
#include "json/write.h"

// `errors`: a JSON array; empty when there was no memory for it.
static void refuse(struct mg_exchange *exchange, struct mg_str errors)
{
    struct mg_problem problem = {
        .status = errors.len ? 400 : 500,
        .detail = errors.len ? MG_STR("the request is not what this route takes")
                             : MG_STR("out of memory"),
        .errors = mg_arena_copy(&exchange->request->arena, errors),
    };
    mg_exchange_problem(exchange, problem);
}

static void refuse_fault(struct mg_exchange *exchange, const struct mg_fill_fault *fault)
{
    struct mg_buf errors = {0};
    mg_buf_put(&errors, MG_STR("[{\"at\":"));
    mg_json_put_string(&errors, fault->what);
    mg_buf_put(&errors, MG_STR(",\"detail\":"));
    mg_json_put_string(&errors, mg_str_of(fault->why));
    mg_buf_put(&errors, MG_STR("}]"));
    refuse(exchange, mg_buf_str(&errors));
    mg_buf_fini(&errors);
}

// False: there is nothing to say against the body.
static bool refuse_body(struct mg_exchange *exchange, enum mg_scope_fault fault)
{
    if (fault == MG_SCOPE_NOT_JSON)
        mg_exchange_say(exchange, 415,
                        "the body is not JSON: its Content-Type says something else");
    else if (fault == MG_SCOPE_BAD_BODY)
        mg_exchange_say(exchange, 400, "the body is not JSON");
    else if (fault == MG_SCOPE_WIDE_BODY)
        mg_exchange_say(exchange, 400, "an object of the body has too many keys");
    return fault > MG_SCOPE_NO_BODY;
}

bool mg_refusal_check(struct mg_exchange *exchange)
{
    struct mg_buf errors = {0};
    struct mg_str log = {0};
    const struct mg_input *input = exchange->plan->input;
    if (!input)
        return true;
    enum mg_scope_fault body =
        mg_input_has_body(input) ? mg_scope_body(&exchange->scope) : MG_SCOPE_SOUND;
    if (!refuse_body(exchange, body) && !mg_input_check(input, &exchange->scope, &errors, &log))
        refuse(exchange, mg_buf_str(&errors));
    mg_answer_log(exchange, log);
    mg_buf_fini(&errors);
    return exchange->state != MG_EXCHANGE_REPLIED;
}

static enum mg_scope_fault body_fault(const struct mg_exchange *exchange)
{
    return exchange->scope.body_parsed ? exchange->scope.body_fault : MG_SCOPE_SOUND;
}

bool mg_refusal_due(const struct mg_exchange *exchange)
{
    return exchange->scope.broken || body_fault(exchange) > MG_SCOPE_NO_BODY;
}

void mg_refusal_say(struct mg_exchange *exchange, const struct mg_fill_fault *fault)
{
    const struct mg_fill_fault broken = {mg_str_of(exchange->scope.broken), "cannot be read"};
    if (exchange->scope.broken)
        fault = &broken;
    if (!mg_str_starts(fault->what, MG_STR("body")) || !refuse_body(exchange, body_fault(exchange)))
        refuse_fault(exchange, fault);
}
