#include "gateway/report.h"

enum { places_most = 16 };

static const struct mg_folder *folder_of(const struct mg_report *report)
{
    return &report->mask.exchange->generation->edition->folder;
}

static struct mg_str shown(const struct mg_report *report, struct mg_str text)
{
    return mg_mask_text(&report->mask, text);
}

static void add_place(struct mg_report *report, struct mg_report_place place, struct mg_str text)
{
    if (report->count == places_most)
        return;
    place.excerpt = mg_excerpt_of(text, place.line);
    for (unsigned i = 0; i < place.excerpt.count; i++)
        place.excerpt.lines[i] = mg_excerpt_cut(shown(report, place.excerpt.lines[i]));
    place.function = shown(report, place.function);
    place.message = shown(report, place.message);
    report->places[report->count++] = place;
}

// "file:line" and what follows it, where there is such a file. False: it is no place.
static bool read_place(const struct mg_report *report, struct mg_str text,
                       struct mg_report_place *place, struct mg_str *rest)
{
    for (size_t colon = mg_str_find(text, ':', 0); colon < text.len;
         colon = mg_str_find(text, ':', colon + 1)) {
        size_t end = colon + 1;
        int line = 0;
        for (; end < text.len && text.data[end] >= '0' && text.data[end] <= '9' && line < 1 << 24;
             end++)
            line = line * 10 + (text.data[end] - '0');
        struct mg_str file = mg_str_cut(text, 0, colon);
        if (line == 0 || !mg_folder_text(folder_of(report), file).data)
            continue;
        *place = (struct mg_report_place){.file = file, .line = line};
        *rest = mg_str_cut(text, end, text.len);
        return true;
    }
    return false;
}

// What was raised begins with "file:line: " and ends with " (at " trace ")".
static void read_error(struct mg_report *report, struct mg_str error, struct mg_str trace,
                       struct mg_report_place *raised)
{
    static const struct mg_str mark = {" (at ", 5};
    struct mg_str rest;
    size_t tail = mark.len + trace.len + 1;
    if (trace.len && error.len > tail &&
        mg_str_eq(mg_str_cut(error, error.len - 1 - trace.len, error.len - 1), trace) &&
        mg_str_starts(mg_str_cut(error, error.len - tail, error.len), mark))
        error = mg_str_cut(error, 0, error.len - tail);
    if (read_place(report, error, raised, &rest) && mg_str_starts(rest, MG_STR(": ")))
        error = mg_str_cut(rest, 2, rest.len);
    report->error = mg_mask_cut_text(&report->mask, error);
}

// "a.lua:7 in check, a.lua:20": steps that are places of the gateway's files.
static void add_steps(struct mg_report *report, struct mg_str trace)
{
    static const struct mg_str in = {" in ", 4};
    for (size_t from = 0; from < trace.len;) {
        size_t end = mg_str_find(trace, ',', from);
        struct mg_str step = mg_str_trim(mg_str_cut(trace, from, end)), rest;
        struct mg_report_place place;
        if (read_place(report, step, &place, &rest)) {
            if (mg_str_starts(rest, in))
                place.function = mg_str_cut(rest, in.len, rest.len);
            add_place(report, place, mg_folder_text(folder_of(report), place.file));
        }
        from = end + 1;
    }
}

static bool begins_at(struct mg_report *report, struct mg_str trace,
                      const struct mg_report_place *place)
{
    struct mg_report_place first;
    struct mg_str rest;
    return read_place(report, trace, &first, &rest) && first.line == place->line &&
           mg_str_eq(first.file, place->file);
}

static void find_places(struct mg_report *report, const struct mg_problem *problem)
{
    const struct mg_plan *plan = report->mask.exchange->plan;
    struct mg_report_place raised = {0};
    if (problem->error.len)
        read_error(report, problem->error, problem->trace, &raised);
    if (raised.file.len && !begins_at(report, problem->trace, &raised)) // error(message, 2)
        add_place(report, raised, mg_folder_text(folder_of(report), raised.file));
    add_steps(report, problem->trace);
    report->raised = report->count > 0;
    report->of_call = !report->raised && problem->line;
    if (!report->raised && plan)
        add_place(report,
                  (struct mg_report_place){.file = plan->file,
                                           .line = problem->line ? problem->line : plan->line},
                  mg_folder_text(folder_of(report), plan->file));
}

static struct mg_report *make(struct mg_exchange *exchange, const struct mg_problem *problem)
{
    struct mg_arena *arena = &exchange->request->arena;
    struct mg_report *report = MG_ARENA_NEW(arena, struct mg_report);
    if (!report || !mg_mask_init(&report->mask, exchange))
        return NULL;
    report->places = mg_arena_zero(arena, places_most, sizeof *report->places);
    report->status = problem->status;
    report->title =
        problem->title.len ? problem->title : mg_str_of(mg_reply_reason(problem->status));
    report->detail = shown(report, problem->detail);
    report->errors = problem->errors;
    return report->places ? report : NULL;
}

struct mg_report *mg_report_new(struct mg_exchange *exchange, const struct mg_problem *problem)
{
    struct mg_report *report = make(exchange, problem);
    if (report)
        find_places(report, problem);
    return report;
}

struct mg_report *mg_report_trouble(struct mg_exchange *exchange, struct mg_trouble *trouble)
{
    static const struct mg_problem problem = {.status = 500,
                                              .detail = {"the changed files do not load", 29}};
    unsigned count = 0;
    struct mg_trouble_item *items = mg_trouble_copy(trouble, &exchange->request->arena, &count);
    struct mg_report *report = items ? make(exchange, &problem) : NULL;
    if (!report)
        return NULL;
    report->loading = true;
    for (unsigned i = 0; i < count; i++) {
        const struct mg_fault *fault = &items[i].fault;
        add_place(report,
                  (struct mg_report_place){
                      .file = fault->file, .line = fault->line, .message = fault->message},
                  items[i].text);
    }
    return report;
}
