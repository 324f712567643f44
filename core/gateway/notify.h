// Tells a service manager how it goes, as systemd wants to be told (sd_notify(3)).
#ifndef MG_GATEWAY_NOTIFY_H
#define MG_GATEWAY_NOTIFY_H

// "READY=1", "STOPPING=1" or the like, to the socket that NOTIFY_SOCKET names, if it names one.
// Never waits.
void mg_notify(const char *state);
void mg_notify_reloading(void); // until the next READY=1

#endif
