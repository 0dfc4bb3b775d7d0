#include "play.h"

#include <string.h>

#include "player.h"

struct scene {
	const struct script *script;
	struct player *player;
	struct buffer burst; /* said by the client, not yet sent */
	bool greeted;        /* the first reply was read */
	struct buffer line;
	struct mails_cursor listed;
	struct script_error *error;
	/* Verdicts that stand in the script and wait. */
	const struct script_step *auth; /* of AUTH; likewise */
	const struct script_step *ask;  /* NULL: none */
	enum verdict store;             /* VERDICT_OK: none */
};

static void
answer_by_script(void *context, const struct question *q, struct answer *ret)
{
	struct scene *sc = context;
	const struct script_step *step = sc->ask;

	if (!step || step->answer.kind != q->kind)
		return;
	ret->verdict = step->verdict;
	if (step->answer.code != 0)
		answer_say_own(ret, step->answer.code, step->answer.enhanced,
		    step->text.p);
	sc->ask = NULL;
}

static enum auth_result
authenticate_by_script(void *context, struct span *ret_challenge)
{
	struct scene *sc = context;
	const struct script_step *step = sc->auth;

	if (!step)
		return AUTH_TROUBLE;
	sc->auth = NULL;
	*ret_challenge = step->text;
	return step->auth;
}

static enum verdict
store_by_script(void *context)
{
	struct scene *sc = context;
	enum verdict verdict = sc->store;

	sc->store = VERDICT_OK;
	return verdict;
}

static bool
check_player(struct scene *sc, const struct script_step *step)
{
	const char *promise = player_broken(sc->player);

	if (!promise)
		return true;
	return script_fault_at(sc->error, sc->script, step,
	    "the machine broke its promise:", span_of(promise));
}

/* The server has said nothing that was not expected. */
static bool
check_silence(struct scene *sc, const struct script_step *step)
{
	struct span rest = buffer_span(player_output(sc->player));

	if (rest.len == 0)
		return true;
	return script_fault_at(
	    sc->error, sc->script, step, "before this, not expected:", rest);
}

/* Sends what was said before the step `i`. */
static bool
send_burst(struct scene *sc, unsigned i)
{
	const struct script *s = sc->script;
	const struct script_step *step = i < s->nsteps ? &s->steps[i] : NULL;

	if (sc->burst.len == 0)
		return true;
	if (player_closed(sc->player) && script_expects_reply(s, i))
		return script_fault(sc->error, s, step,
		    "the server has closed, and hears no more");
	player_send(sc->player, buffer_span(&sc->burst));
	buffer_clear(&sc->burst);
	return check_player(sc, step);
}

static bool
play_send(struct scene *sc, const struct script_step *step)
{
	if (sc->greeted && sc->burst.len == 0 && !check_silence(sc, step))
		return false;
	buffer_add(&sc->burst, step->text);
	return true;
}

static bool
play_reply(struct scene *sc, const struct script_step *step)
{
	struct buffer *output = player_output(sc->player);
	struct span got;

	sc->greeted = true;
	buffer_clear(&sc->line);
	if (!buffer_take_line(output, &sc->line) && output->len == 0)
		return script_fault_at(sc->error, sc->script, step,
		    "the server is silent, want", step->text);
	got = buffer_span(&sc->line);
	if (got.len == step->text.len &&
	    memcmp(got.p, step->text.p, got.len) == 0)
		return true;
	return script_mismatch(sc->error, sc->script, step, got);
}

static bool
play_end(struct scene *sc, const struct script_step *step)
{
	if (!check_silence(sc, step))
		return false;
	if (player_closed(sc->player))
		return script_fault(sc->error, sc->script, step,
		    "the server has closed already");
	player_end(sc->player, step->end);
	return check_player(sc, step);
}

static bool
play_verdict(struct scene *sc, const struct script_step *step)
{
	bool is_ask = step->kind == SCRIPT_ASK;
	bool is_auth = step->kind == SCRIPT_AUTH;

	if (!check_silence(sc, step))
		return false;
	if (is_ask    ? sc->ask != NULL
	    : is_auth ? sc->auth != NULL
		      : sc->store != VERDICT_OK)
		return script_fault(sc->error, sc->script, step,
		    "the verdict before this one was not used");
	if (is_ask)
		sc->ask = step;
	else if (is_auth)
		sc->auth = step;
	else
		sc->store = step->verdict;
	return true;
}

static bool
play_step(struct scene *sc, unsigned i)
{
	const struct script_step *step = &sc->script->steps[i];

	if (step->kind != SCRIPT_SEND && !send_burst(sc, i))
		return false;
	switch (step->kind) {
	case SCRIPT_SEND:
		return play_send(sc, step);
	case SCRIPT_REPLY:
		return play_reply(sc, step);
	case SCRIPT_END:
		return play_end(sc, step);
	case SCRIPT_ASK:
	case SCRIPT_AUTH:
	case SCRIPT_STORE:
		return play_verdict(sc, step);
	case SCRIPT_SQL:
		return script_fault(
		    sc->error, sc->script, step, "there is no database here");
	case SCRIPT_STORED:
		return mails_match(player_mails(sc->player), &sc->listed,
		    sc->script, step, sc->error);
	}
	return false;
}

static bool
play_to_the_end(struct scene *sc)
{
	const struct script *s = sc->script;

	for (unsigned i = 0; i < s->nsteps; i++) {
		if (!play_step(sc, i))
			return false;
	}
	if (!send_burst(sc, s->nsteps))
		return false;
	player_end(sc->player, SESSION_EOF);
	if (!check_player(sc, NULL) || !check_silence(sc, NULL))
		return false;
	if (sc->ask || sc->auth || sc->store != VERDICT_OK)
		return script_fault(
		    sc->error, s, NULL, "a verdict was not used");
	return mails_match_all(
	    player_mails(sc->player), &sc->listed, s, NULL, sc->error);
}

bool
play_script(const struct script *s, const struct session_conf *conf,
    enum play_cut cut, struct script_error *ret_error)
{
	struct scene sc = { .script = s, .error = ret_error };
	const struct play_world world = {
		.context = &sc,
		.answer = answer_by_script,
		.store = store_by_script,
		.authenticate = authenticate_by_script,
	};
	bool ok;

	sc.player = player_new(conf, cut, &world);
	ok = check_player(&sc, NULL) && play_to_the_end(&sc);
	player_free(sc.player);
	buffer_free(&sc.burst);
	buffer_free(&sc.line);
	return ok;
}
