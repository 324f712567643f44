// HTTP dates (RFC 9110 §5.6.7). Pure.
#ifndef MG_HTTP_DATE_H
#define MG_HTTP_DATE_H

#include "base/str.h"

enum { MG_DATE_SIZE = 30 }; // bytes of a date as text, its NUL included

// "Sun, 06 Nov 1994 08:49:37 GMT". `seconds` since 1970; before, or after the year 9999, the
// nearest that can be written.
void mg_date_write(int64_t seconds, char text[MG_DATE_SIZE]);

// Reads that form and the two obsolete ones, "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6
// 08:49:37 1994". Years of two digits lie at most 50 years after `now` (RFC 9110 §5.6.7). False:
// it is no date, or a day that no calendar has.
bool mg_date_parse(struct mg_str text, int64_t now, int64_t *seconds);

#endif
