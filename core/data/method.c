#include "data/method.h"

static const char *const words[] = {
#define MG_METHOD_WORD(name) #name,
    MG_METHODS(MG_METHOD_WORD)
#undef MG_METHOD_WORD
};

const char *mg_method_word(enum mg_method method)
{
    return words[method];
}

bool mg_method_of(struct mg_str word, enum mg_method *method)
{
    for (unsigned i = 0; i < MG_METHOD_COUNT; i++) {
        if (mg_str_is(word, words[i])) {
            *method = (enum mg_method)i;
            return true;
        }
    }
    return false;
}
