// What a request says about the version of a thing that it wants: the values of these fields as
// they came (RFC 9110 §13.1, §14.2). Without data: the request has no such field.
#ifndef MG_DATA_CONDITIONS_H
#define MG_DATA_CONDITIONS_H

#include "data/method.h"

struct mg_conditions {
    enum mg_method method;
    struct mg_str if_match, if_none_match, if_modified_since, if_unmodified_since;
    struct mg_str if_range, range;
};

#endif
