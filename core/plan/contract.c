#include "plan/contract.h"

static bool lists(const uint16_t *statuses, unsigned count, int status)
{
    for (unsigned i = 0; i < count; i++)
        if (statuses[i] == status)
            return true;
    return false;
}

// A status that is no success, when the backend did not say so itself.
static void fail_with_status(struct mg_result *result)
{
    if (result->error == MG_OK)
        result->message = MG_STR("the backend answered with a status that is no success");
    result->error = MG_STATUS;
}

static enum mg_verdict judge(const struct mg_contract *contract, struct mg_result *result)
{
    bool answered = result->error == MG_OK || result->error == MG_STATUS;
    if (result->error == MG_SKIPPED)
        return MG_VERDICT_SKIPPED;
    if (answered && lists(contract->accept, contract->accept_count, result->status)) {
        result->error = MG_OK;
        return MG_VERDICT_OK;
    }
    if (answered && lists(contract->relay, contract->relay_count, result->status)) {
        fail_with_status(result);
        return MG_VERDICT_RELAY;
    }
    if (result->error == MG_OK && result->status / 100 == 2)
        return MG_VERDICT_OK;
    if (result->error == MG_OK)
        fail_with_status(result);
    return contract->optional || contract->has_fallback ? MG_VERDICT_PARTIAL : MG_VERDICT_FAILED;
}

enum mg_verdict mg_contract_judge(const struct mg_contract *contract, struct mg_result *result)
{
    enum mg_verdict verdict = judge(contract, result);
    if (verdict != MG_VERDICT_OK)
        result->body = (struct mg_str){0};
    if (verdict == MG_VERDICT_PARTIAL && contract->has_fallback) {
        result->body = contract->fallback;
        result->form = MG_BODY_JSON;
        result->fallback = true;
    }
    return verdict;
}
