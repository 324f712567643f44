#include "http/date.h"

#include <stdio.h>
#include <time.h>

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// By hand, since strftime and strptime speak the language of the machine.
void mg_date_write(int64_t seconds, char text[MG_DATE_SIZE])
{
    const int64_t last = 253402300799; // the end of the year 9999: four digits
    time_t at = (time_t)(seconds < 0 ? 0 : seconds > last ? last : seconds);
    struct tm tm = {0};
    gmtime_r(&at, &tm);
    snprintf(text, MG_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
             days[(unsigned)tm.tm_wday % 7], (unsigned)tm.tm_mday % 100,
             months[(unsigned)tm.tm_mon % 12], ((unsigned)tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

// What is left to read. Each reader below takes what it names off the front, or returns false.
struct text {
    struct mg_str left;
};

static bool take(struct text *text, const char *literal)
{
    struct mg_str prefix = mg_str_of(literal);
    if (!mg_str_starts(text->left, prefix))
        return false;
    text->left = mg_str_cut(text->left, prefix.len, text->left.len);
    return true;
}

static bool take_word(struct text *text, const char *const *words, int count, int *index)
{
    for (int i = 0; i < count; i++) {
        if (take(text, words[i])) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool take_number(struct text *text, size_t digits, int *number)
{
    uint64_t value;
    if (text->left.len < digits || !mg_str_uint(mg_str_cut(text->left, 0, digits), &value))
        return false;
    *number = (int)value;
    text->left = mg_str_cut(text->left, digits, text->left.len);
    return true;
}

static bool take_month(struct text *text, struct tm *tm)
{
    return take_word(text, months, 12, &tm->tm_mon);
}

static bool take_time(struct text *text, struct tm *tm)
{
    return take_number(text, 2, &tm->tm_hour) && take(text, ":") &&
           take_number(text, 2, &tm->tm_min) && take(text, ":") &&
           take_number(text, 2, &tm->tm_sec);
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
static bool read_fixed(struct text text, struct tm *tm)
{
    return take_word(&text, days, 7, &tm->tm_wday) && take(&text, ", ") &&
           take_number(&text, 2, &tm->tm_mday) && take(&text, " ") && take_month(&text, tm) &&
           take(&text, " ") && take_number(&text, 4, &tm->tm_year) && take(&text, " ") &&
           take_time(&text, tm) && take(&text, " GMT") && text.left.len == 0;
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
static bool read_rfc850(struct text text, int64_t now, struct tm *tm)
{
    struct tm today = {0};
    time_t at = (time_t)now;
    bool ok = take_word(&text, long_days, 7, &tm->tm_wday) && take(&text, ", ") &&
              take_number(&text, 2, &tm->tm_mday) && take(&text, "-") && take_month(&text, tm) &&
              take(&text, "-") && take_number(&text, 2, &tm->tm_year) && take(&text, " ") &&
              take_time(&text, tm) && take(&text, " GMT") && text.left.len == 0;
    gmtime_r(&at, &today);
    int year = today.tm_year + 1900;
    tm->tm_year += year - year % 100;
    if (tm->tm_year > year + 50)
        tm->tm_year -= 100;
    return ok;
}

// "Sun Nov  6 08:49:37 1994"
static bool read_asctime(struct text text, struct tm *tm)
{
    return take_word(&text, days, 7, &tm->tm_wday) && take(&text, " ") && take_month(&text, tm) &&
           take(&text, " ") &&
           (take(&text, " ") ? take_number(&text, 1, &tm->tm_mday)
                             : take_number(&text, 2, &tm->tm_mday)) &&
           take(&text, " ") && take_time(&text, tm) && take(&text, " ") &&
           take_number(&text, 4, &tm->tm_year) && text.left.len == 0;
}

// timegm would make the first of March of a thirtieth of February. A minute may have a 61st second.
static bool exists(const struct tm *tm)
{
    static const char lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = tm->tm_year % 4 == 0 && (tm->tm_year % 100 != 0 || tm->tm_year % 400 == 0);
    int most = tm->tm_mon == 1 && !leap ? 28 : lengths[tm->tm_mon];
    return tm->tm_mday >= 1 && tm->tm_mday <= most && tm->tm_hour < 24 && tm->tm_min < 60 &&
           tm->tm_sec <= 60;
}

bool mg_date_parse(struct mg_str date, int64_t now, int64_t *seconds)
{
    const struct text text = {date};
    struct tm tm = {0};
    if (!read_fixed(text, &tm) && !read_rfc850(text, now, &tm) && !read_asctime(text, &tm))
        return false;
    if (!exists(&tm))
        return false;
    tm.tm_year -= 1900;
    *seconds = (int64_t)timegm(&tm);
    return true;
}
