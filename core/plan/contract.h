// What a call's end means for its request (ROUTES: "What a call's end means"): the same for calls
// of plans and of running functions.
#ifndef MG_PLAN_CONTRACT_H
#define MG_PLAN_CONTRACT_H

#include "data/call.h"

struct mg_contract {
    bool optional;
    bool has_fallback;
    struct mg_str fallback; // JSON text
    uint64_t within;        // ms; 0: only the request's deadline
    const uint16_t *accept,
        *relay; // statuses that count as success; that end the request as they are
    unsigned accept_count, relay_count;
};

enum mg_verdict {
    MG_VERDICT_OK,      // a success
    MG_VERDICT_PARTIAL, // failed, but optional or with a fallback: named in Moongate-Partial
    MG_VERDICT_SKIPPED, // `when` said no
    MG_VERDICT_RELAY,   // the request ends with result->status
    MG_VERDICT_FAILED,  // the request ends with mg_status_http(result->error)
};

// The service has a time of its own (ms; 0: none): of both times the smaller counts.
static inline void mg_contract_bound(struct mg_contract *contract, uint64_t within)
{
    if (within && (!contract->within || within < contract->within))
        contract->within = within;
}

// Judges a landed result and puts it in the form that references and scripts see: a status that is
// no success becomes MG_STATUS, a failed one loses its body or gets the fallback's.
enum mg_verdict mg_contract_judge(const struct mg_contract *contract, struct mg_result *result);

#endif
