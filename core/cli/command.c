#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

const struct mg_command mg_commands[] = {
    {"serve", "DIR [--dev] [--listen ADDR] [--workers N]",
     "run the gateway in DIR until SIGTERM or Ctrl-C", mg_command_serve},
    {"check", "DIR [--json]", "load everything, run nothing; errors as file:line: message",
     mg_command_check},
    {"routes", "DIR [--json]", "its routes, their calls and what waits for what",
     mg_command_routes},
    {"call", "DIR METHOD PATH [-H ...] [-d ...] [--json]",
     "one request without a server, and when its calls were made", mg_command_call},
    {"new", "DIR", "make a gateway that runs, with a spec that passes", mg_command_new},
    {"test", "DIR [FILTER] [--json]", "run its specs, against stubbed backends", mg_command_test},
    {"version", "", "the version", mg_command_version},
    {"help", "", "this", mg_command_help},
    {NULL, NULL, NULL, NULL},
};

const struct mg_command *mg_command_named(const char *name)
{
    const struct mg_command *command = mg_commands;
    while (command->name && strcmp(command->name, name) != 0)
        command++;
    return command;
}

int mg_command_wrong(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("moongate: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    const struct mg_command *known = command ? mg_command_named(command) : NULL;
    if (known)
        fprintf(stderr, "usage: moongate %s %s\n", known->name, known->takes);
    return 2;
}

int mg_command_help(int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return mg_command_wrong("help", "help takes nothing more");
    puts("Moongate: API routes in Lua, their backend calls made at once.\n");
    for (const struct mg_command *command = mg_commands; command->name; command++)
        printf("  moongate %-7s %-42s %s%s\n", command->name, command->takes,
               command->run ? "" : "(not yet) ", command->does);
    puts("\nExit codes: 0 done, 1 the work failed, 2 the command line was wrong.");
    return 0;
}

static int unknown(const char *name)
{
    const char *names[16];
    size_t count = 0;
    for (const struct mg_command *command = mg_commands; command->name; command++)
        names[count++] = command->name;
    const char *nearest = mg_str_nearest(mg_str_of(name), names, count);
    if (nearest)
        return mg_command_wrong(NULL, "no command \"%s\": did you mean \"%s\"?", name, nearest);
    return mg_command_wrong(NULL, "no command \"%s\": `moongate help` lists them", name);
}

int mg_command_main(int argc, char **argv)
{
    if (argc < 2) {
        mg_command_help(0, argv);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct mg_command *command = mg_command_named(name);
    if (!command->name)
        return unknown(name);
    if (!command->run)
        return mg_command_wrong(NULL, "not yet: \"%s\"", name);
    return command->run(argc - 2, argv + 2);
}
