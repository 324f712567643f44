#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/loaded.h"
#include "gateway/stage.h"
#include "json/write.h"
#include "script/spec.h"

static const struct mg_spec_host host = {mg_stage_drive, mg_stage_tick,  mg_stage_answer,
                                         mg_stage_leave, mg_stage_clear, mg_stage_news,
                                         mg_stage_reply, mg_stage_sent};

static void put_route(struct mg_buf *out, const struct mg_plan *plan)
{
    mg_buf_put(out, MG_STR("{\"file\":"));
    mg_json_put_string(out, plan->file);
    mg_buf_printf(out, ",\"line\":%d,\"method\":\"%s\",\"path\":", plan->line,
                  plan->any_method ? "*" : mg_method_word(plan->method));
    mg_json_put_string(out, plan->path);
    mg_buf_put(out, MG_STR(",\"host\":"));
    mg_json_put_string(out, plan->host);
    mg_buf_put_char(out, '}');
}

static void put_routes(struct mg_buf *out, const struct mg_generation *generation)
{
    mg_buf_put_char(out, '[');
    for (unsigned i = 0; i < generation->count; i++) {
        mg_buf_put(out, i ? MG_STR(",") : MG_STR(""));
        put_route(out, generation->plans[i]);
    }
    mg_buf_put_char(out, ']');
}

// Reads DIR [FILTER] [--json]; returns 0, or the exit code after having said what is wrong.
static int read_arguments(int argc, char **argv, struct mg_spec_options *options)
{
    for (int i = 0; i < argc; i++) {
        if (mg_str_is(MG_STR("--json"), argv[i]))
            options->json = true;
        else if (argv[i][0] == '-')
            return mg_command_wrong("test", "no option \"%s\"", argv[i]);
        else if (!options->dir)
            options->dir = argv[i];
        else if (!options->filter)
            options->filter = argv[i];
        else
            return mg_command_wrong("test", "one folder and one filter: \"%s\" is one too many",
                                    argv[i]);
    }
    if (!options->dir)
        return mg_command_wrong("test", "which gateway? a folder with a gateway.lua is wanted");
    return 0;
}

int mg_command_test(int argc, char **argv)
{
    struct mg_spec_options options = {.colours = isatty(STDOUT_FILENO) == 1};
    struct mg_faults faults = {0};
    struct mg_buf routes = {0};
    int code = read_arguments(argc, argv, &options);
    if (code)
        return code;
    struct mg_stage *stage = mg_stage_new(options.dir, &faults);
    if (stage) {
        put_routes(&routes, mg_stage_generation(stage));
        options.routes = mg_buf_str(&routes);
        code = mg_spec_run(&host, stage, &options);
    } else {
        mg_faults_sort(&faults);
        mg_loaded_print_faults(&faults, options.json);
        code = 1;
    }
    mg_stage_free(stage);
    mg_faults_fini(&faults);
    mg_buf_fini(&routes);
    return code;
}
