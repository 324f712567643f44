#include "cli/loaded.h"

#include <stdio.h>

#include "cli/command.h"
#include "json/write.h"

bool mg_loaded_open(struct mg_loaded *loaded, const char *dir)
{
    struct mg_faults *faults = &loaded->faults;
    *loaded = (struct mg_loaded){0};
    struct mg_edition *edition = loaded->edition = mg_edition_new(dir, faults);
    if (!edition)
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, MG_STR("out of memory"));
    else if (!mg_faults_any(faults) && mg_edition_configure(edition, faults))
        loaded->generation = mg_generation_new(&edition->folder, edition->config, faults);
    mg_faults_sort(faults);
    return loaded->generation != NULL;
}

void mg_loaded_close(struct mg_loaded *loaded)
{
    mg_generation_free(loaded->generation);
    mg_edition_free(loaded->edition);
    mg_faults_fini(&loaded->faults);
}

int mg_loaded_arguments(const char *command, int argc, char **argv, const char **dir, bool *json)
{
    *dir = NULL;
    *json = false;
    for (int i = 0; i < argc; i++) {
        if (mg_str_is(MG_STR("--json"), argv[i]))
            *json = true;
        else if (argv[i][0] == '-')
            return mg_command_wrong(command, "no option \"%s\"", argv[i]);
        else if (*dir)
            return mg_command_wrong(command, "one folder at a time: \"%s\" is one too many",
                                    argv[i]);
        else
            *dir = argv[i];
    }
    if (!*dir)
        return mg_command_wrong(command, "which gateway? a folder with a gateway.lua is wanted");
    return 0;
}

static void put_json(struct mg_buf *out, const struct mg_fault *fault)
{
    mg_buf_put(out, MG_STR("{\"file\":"));
    mg_json_put_string(out, fault->file);
    mg_buf_printf(out, ",\"line\":%d,\"message\":", fault->line);
    mg_json_put_string(out, fault->message);
    mg_buf_put_char(out, '}');
}

enum unit { COUNT, SIZE, MS };

// In the largest unit that it is a whole number of, as lua/moongate/units.lua writes it.
static void put_amount(struct mg_buf *out, uint64_t amount, enum unit unit)
{
    static const struct step {
        const char *word;
        unsigned next; // how many of it make one of the next
    } counts[] = {{"", 0}}, sizes[] = {{"B", 1024}, {"KiB", 1024}, {"MiB", 1024}, {"GiB", 0}},
      times[] = {{"ms", 1000}, {"s", 60}, {"m", 60}, {"h", 0}};
    const struct step *step = unit == SIZE ? sizes : unit == MS ? times : counts;
    for (; step->next && amount && amount % step->next == 0; step++)
        amount /= step->next;
    mg_buf_printf(out, "%llu%s", (unsigned long long)amount, step->word);
}

static void put_limit(struct mg_buf *out, const char *name, uint64_t value, enum unit unit,
                      bool json)
{
    mg_buf_printf(out, json ? "\"%s\":" : "%s ", name);
    put_amount(out, value, json ? COUNT : unit);
}

void mg_loaded_put_limits(struct mg_buf *out, const struct mg_config *config,
                          const struct mg_plan *plan, bool json)
{
    const struct {
        const char *name;
        enum unit unit;
        uint64_t own, common;
    } limits[] = {
        {"body", SIZE, plan->limits.body, config->limits.body},
        {"calls", COUNT, plan->limits.calls, config->limits.calls},
        {"each", COUNT, plan->limits.each, config->limits.each},
        {"fields", COUNT, plan->limits.fields, config->limits.fields},
        {"match", COUNT, plan->limits.match, config->limits.match},
        {"match_text", SIZE, plan->limits.match_text, config->limits.match_text},
        {"memory", SIZE, plan->limits.memory, config->limits.memory},
        {"result", SIZE, plan->limits.result, config->limits.result},
        {"results", SIZE, plan->limits.results, config->limits.results},
        {"script", MS, plan->limits.script, config->limits.script},
    };
    const char *between = "";
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].own == limits[i].common)
            continue;
        mg_buf_printf(out, "%s", between);
        put_limit(out, limits[i].name, limits[i].own, limits[i].unit, json);
        between = json ? "," : ", ";
    }
}

void mg_loaded_print_faults(const struct mg_faults *faults, bool json)
{
    struct mg_buf out = {0};
    if (json)
        mg_buf_put_char(&out, '[');
    for (unsigned i = 0; i < faults->count; i++) {
        const struct mg_fault *fault = &faults->items[i];
        if (json && i)
            mg_buf_put_char(&out, ',');
        if (json) {
            put_json(&out, fault);
            continue;
        }
        mg_fault_put(&out, fault);
        mg_buf_put_char(&out, '\n');
    }
    if (json)
        mg_buf_put(&out, MG_STR("]\n"));
    fwrite(out.data, 1, out.len, json ? stdout : stderr);
    mg_buf_fini(&out);
}
