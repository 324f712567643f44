#include "http/selection.h"

#include "http/date.h"
#include "http/tag.h"

// A date that cannot be read is no condition (RFC 9110 §13.1.3, §13.1.4).
static bool read_date(struct mg_str value, int64_t now, int64_t *date)
{
    return value.data && mg_date_parse(value, now, date);
}

// If-Match; without it, If-Unmodified-Since.
static bool still_wanted(const struct mg_conditions *conditions, const struct mg_selectable *thing,
                         int64_t now)
{
    int64_t date;
    if (conditions->if_match.data)
        return mg_tag_in(conditions->if_match, thing->tag, true);
    return !read_date(conditions->if_unmodified_since, now, &date) || thing->changed <= date;
}

// If-None-Match; without it, If-Modified-Since, which counts for GET and HEAD alone.
static bool known_already(const struct mg_conditions *conditions, const struct mg_selectable *thing,
                          int64_t now)
{
    int64_t date;
    if (conditions->if_none_match.data)
        return mg_tag_in(conditions->if_none_match, thing->tag, false);
    return (conditions->method == MG_GET || conditions->method == MG_HEAD) &&
           read_date(conditions->if_modified_since, now, &date) && thing->changed <= date;
}

// If-Range: parts of another version would not fit those that the client has. A date is compared
// for equality, and only if no later change can have the same one (RFC 9110 §13.1.5, §8.8.2.2).
static bool range_fits(const struct mg_conditions *conditions, const struct mg_selectable *thing,
                       int64_t now)
{
    struct mg_str value = conditions->if_range;
    int64_t date;
    if (!value.data)
        return true;
    if (read_date(value, now, &date))
        return date == thing->changed && thing->changed < now - 1;
    return !mg_str_starts(thing->tag, MG_STR("W/")) && mg_str_eq(mg_str_trim(value), thing->tag);
}

struct mg_selection mg_select(const struct mg_conditions *conditions,
                              const struct mg_selectable *thing, int64_t now)
{
    const struct mg_selection whole = {200, {0, thing->size}}, part = {206, {0}};
    struct mg_selection selected = part;
    if (!still_wanted(conditions, thing, now))
        return (struct mg_selection){.status = 412};
    bool reading = conditions->method == MG_GET || conditions->method == MG_HEAD;
    if (known_already(conditions, thing, now))
        return (struct mg_selection){.status = reading ? 304 : 412};
    // Ranges are defined for GET alone (RFC 9110 §14.2).
    if (conditions->method != MG_GET || !conditions->range.data ||
        !range_fits(conditions, thing, now))
        return whole;
    switch (mg_range_read(conditions->range, thing->size, &selected.part)) {
    case MG_RANGE_PART:
        return selected;
    case MG_RANGE_BEYOND:
        return (struct mg_selection){.status = 416};
    default:
        return whole;
    }
}
