/*
 * Plays a transcript to the session machine in this process.
 */
#ifndef PLAY_H
#define PLAY_H

#include "player.h"
#include "script.h"

/*
 * Plays the whole transcript.  False: something is not as it says, or the
 * machine broke a promise.
 */
bool play_script(const struct script *s, const struct session_conf *conf,
    enum play_cut cut, struct script_error *ret_error);

#endif
