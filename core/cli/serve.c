#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "gateway/supervisor.h"

// The command line is needed again whenever a server process follows another.
static int serve(const struct mg_gateway_options *options, int argc, char **argv)
{
    char **command = calloc((size_t)argc + 3, sizeof *command);
    if (!command)
        return 1;
    command[0] = program_invocation_name;
    command[1] = "serve";
    memcpy(command + 2, argv, (size_t)argc * sizeof *command);
    int code = mg_supervisor_serve(options, command);
    free(command);
    return code;
}

int mg_command_serve(int argc, char **argv)
{
    struct mg_gateway_options options = {0};
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        bool takes = strcmp(arg, "--listen") == 0 || strcmp(arg, "--workers") == 0;
        if (takes && i + 1 == argc)
            return mg_command_wrong("serve", "%s wants a value", arg);
        if (strcmp(arg, "--dev") == 0) {
            options.dev = true;
        } else if (strcmp(arg, "--listen") == 0) {
            options.listen = argv[++i];
        } else if (takes) {
            char *end;
            long workers = strtol(argv[++i], &end, 10);
            if (*end || workers < 1 || workers > 256)
                return mg_command_wrong(
                    "serve", "--workers wants a number from 1 to 256, not \"%s\"", argv[i]);
            options.workers = (unsigned)workers;
        } else if (arg[0] == '-') {
            return mg_command_wrong("serve", "no option \"%s\"", arg);
        } else if (options.dir) {
            return mg_command_wrong("serve", "one folder at a time: \"%s\" is one too many", arg);
        } else {
            options.dir = arg;
        }
    }
    if (!options.dir)
        return mg_command_wrong("serve", "which gateway? a folder with a gateway.lua is wanted");
    return serve(&options, argc, argv);
}
