#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/loaded.h"
#include "gateway/stage.h"
#include "json/write.h"
#include "script/spec.h"

struct test {
    struct mg_stage *stage;
    struct mg_buf routes;
};

static unsigned drive(void *owner, struct mg_str bytes)
{
    return mg_stage_drive(((struct test *)owner)->stage, bytes);
}

static void tick(void *owner, uint64_t ms)
{
    mg_stage_tick(((struct test *)owner)->stage, ms);
}

static bool answer(void *owner, unsigned id, const struct mg_result *result)
{
    return mg_stage_answer(((struct test *)owner)->stage, id, result);
}

static void leave(void *owner, unsigned run)
{
    mg_stage_leave(((struct test *)owner)->stage, run);
}

static void clear(void *owner)
{
    mg_stage_clear(((struct test *)owner)->stage);
}

static struct mg_str news(void *owner)
{
    return mg_stage_news(((struct test *)owner)->stage);
}

static struct mg_str reply(void *owner, unsigned run)
{
    return mg_stage_reply(((struct test *)owner)->stage, run);
}

static struct mg_str sent(void *owner, unsigned id)
{
    return mg_stage_sent(((struct test *)owner)->stage, id);
}

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

static struct mg_str routes(void *owner)
{
    struct test *test = owner;
    const struct mg_generation *generation = mg_stage_generation(test->stage);
    mg_buf_clear(&test->routes);
    mg_buf_put_char(&test->routes, '[');
    for (unsigned i = 0; i < generation->count; i++) {
        mg_buf_put(&test->routes, i ? MG_STR(",") : MG_STR(""));
        put_route(&test->routes, generation->plans[i]);
    }
    mg_buf_put_char(&test->routes, ']');
    return mg_buf_str(&test->routes);
}

static const struct mg_spec_host host = {drive, tick,  answer, leave, clear,
                                         news,  reply, sent,   routes};

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
    struct test test = {0};
    int code = read_arguments(argc, argv, &options);
    if (code)
        return code;
    test.stage = mg_stage_new(options.dir, &faults);
    if (test.stage) {
        code = mg_spec_run(&host, &test, &options);
    } else {
        mg_faults_sort(&faults);
        mg_loaded_print_faults(&faults, options.json);
        code = 1;
    }
    mg_stage_free(test.stage);
    mg_faults_fini(&faults);
    mg_buf_fini(&test.routes);
    return code;
}
