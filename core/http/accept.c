#include "http/accept.h"

// The value of q: "1", "0.5", "0.125"; what is none counts as 1.
static int weight_of(struct mg_str text)
{
    int weight = 0, unit = 1000;
    if (!text.len || text.data[0] < '0' || text.data[0] > '1')
        return 1000;
    weight = (text.data[0] - '0') * unit;
    for (size_t i = 2; i < text.len && i < 5 && text.data[1] == '.'; i++) {
        unit /= 10;
        if (text.data[i] < '0' || text.data[i] > '9')
            return 1000;
        weight += (text.data[i] - '0') * unit;
    }
    return weight < 1000 ? weight : 1000;
}

// "text/html; level=1; q=0.5": the weight if it is of that type, else -1.
static int range_weight(struct mg_str range, struct mg_str type)
{
    size_t end = mg_str_find(range, ';', 0);
    int weight = 1000;
    if (!mg_str_eq_nocase(mg_str_trim(mg_str_cut(range, 0, end)), type))
        return -1;
    while (end < range.len) {
        size_t from = end + 1;
        end = mg_str_find(range, ';', from);
        struct mg_str one = mg_str_trim(mg_str_cut(range, from, end));
        if (one.len > 2 && mg_lower(one.data[0]) == 'q' && one.data[1] == '=')
            weight = weight_of(mg_str_cut(one, 2, one.len));
    }
    return weight;
}

int mg_accept_weight(struct mg_str accept, struct mg_str type)
{
    int most = -1;
    for (size_t from = 0; from < accept.len;) {
        size_t end = mg_str_find(accept, ',', from);
        int weight = range_weight(mg_str_trim(mg_str_cut(accept, from, end)), type);
        most = weight > most ? weight : most;
        from = end + 1;
    }
    return most;
}
