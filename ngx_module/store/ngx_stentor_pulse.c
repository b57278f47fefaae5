/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The pulse (see ngx_stentor_pulse.h).  A timer ticks ten times a second: how
 * late it is tells how long the event loop was held up, and each tick looks
 * through a tenth of the worker's connections for those that have never asked,
 * or, so that nobody waits for it, as many as there is time for.
 * Event loop only; nothing is locked, and what many read is written by one.
 */

#include "ngx_stentor_pulse.h"
#include "ngx_stentor_crowd.h"
#include "ngx_stentor_wake.h"

#include <sys/resource.h>


#define NGX_STENTOR_PULSE_TICK_MS  100
#define NGX_STENTOR_PULSE_TICKS    10      /* a second */

/* Connections are looked at for no longer than that in a tick, give or take
 * this many. */
#define NGX_STENTOR_PULSE_LOOK_US  2000
#define NGX_STENTOR_PULSE_BATCH    256

/* A sampler that has not been at work for so long has lost its place. */
#define NGX_STENTOR_PULSE_LOST_MS  3000

/* Silence that long is silence, if there is no alarm for it. */
#define NGX_STENTOR_PULSE_SILENT_MS  30000

/* How often a verdict is read that its writer is at. */
#define NGX_STENTOR_PULSE_TRIES  100


struct ngx_stentor_pulse_s {
    ngx_stentor_store_t      *store;
    ngx_stentor_pulses_t     *all;
    ngx_stentor_pulse_slot_t *slot;
    ngx_stentor_crowd_t      *crowd;
    ngx_cycle_t              *cycle;
    ngx_stentor_pulse_look_pt look;
    ngx_stentor_pulse_news_pt news;
    ngx_event_t               timer;
    ngx_msec_t                due;       /* the next tick */
    ngx_uint_t                ticks;
    ngx_uint_t                next;      /* connection to look at */
    ngx_uint_t                kinds[NGX_STENTOR_PULSE_KINDS];   /* so far */
    ngx_msec_t                cpu_msec;  /* cpu_us is of then */
    int64_t                   cpu_us;
    u_char                    living[NGX_STENTOR_SLOTS];    /* booleans, of the
                                            last sample */
};


/* nginx's own figures; it may have been built without. */

extern ngx_atomic_t  *ngx_stat_accepted __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_requests __attribute__((weak));


static ngx_stentor_pulses_t *ngx_stentor_pulse_all(
    ngx_stentor_store_t *store);
static void ngx_stentor_pulse_tick(ngx_event_t *ev);
static void ngx_stentor_pulse_again(ngx_stentor_pulse_t *p);
static void ngx_stentor_pulse_late(ngx_stentor_pulse_t *p);
static void ngx_stentor_pulse_look(ngx_stentor_pulse_t *p);
static int64_t ngx_stentor_pulse_clock(void);
static void ngx_stentor_pulse_busy(ngx_stentor_pulse_t *p);
static int64_t ngx_stentor_pulse_cpu(void);
static ngx_uint_t ngx_stentor_pulse_mine(ngx_stentor_pulse_t *p);
static void ngx_stentor_pulse_sample(ngx_stentor_pulse_t *p);
static void ngx_stentor_pulse_sums(ngx_stentor_pulse_t *p,
    ngx_stentor_sample_t *sample);
static void ngx_stentor_pulse_rates(ngx_stentor_pulse_t *p,
    ngx_stentor_sample_t *to, stn_verdict_figures_t *f);
static void ngx_stentor_pulse_levels(ngx_stentor_pulse_t *p,
    stn_verdict_figures_t *f);
static uint32_t ngx_stentor_pulse_most(uint32_t most, ngx_atomic_t *mine);
static uint64_t ngx_stentor_pulse_used(ngx_stentor_pulse_t *p);
static void ngx_stentor_pulse_streams(ngx_stentor_pulse_t *p,
    stn_verdict_figures_t *f);
static uint32_t ngx_stentor_pulse_living(ngx_stentor_pulse_t *p,
    ngx_stentor_stream_t *st);
static stn_verdict_e ngx_stentor_pulse_judge(ngx_stentor_pulse_t *p,
    ngx_stentor_stream_t *st);
static ngx_uint_t ngx_stentor_pulse_silent(ngx_stentor_stream_t *st);
static void ngx_stentor_pulse_tell(ngx_stentor_pulse_t *p,
    stn_verdict_t *verdict, stn_verdict_figures_t *f);


/* Sums of counters, in the order of ngx_stentor_pulse_sum_e from FIRSTS on;
 * MEDIA is two of them. */

static const ngx_stentor_counter_e  ngx_stentor_pulse_counters[] = {
    NGX_STENTOR_HLS_FIRSTS,
    NGX_STENTOR_HLS_CONNECTS,
    NGX_STENTOR_HLS_PLAYLISTS,
    NGX_STENTOR_HLS_PARTS,
    NGX_STENTOR_HLS_AUDIO_MS,
    NGX_STENTOR_HLS_REPEATS,
    NGX_STENTOR_HLS_MALFORMED,
    NGX_STENTOR_HLS_BAD_REQUESTS,
    NGX_STENTOR_HLS_NOT_FOUND,
    NGX_STENTOR_HLS_REFUSED,
    NGX_STENTOR_HLS_JOINS,
    NGX_STENTOR_HLS_ENDED_PLAYLISTS,
    NGX_STENTOR_HLS_ENDED_MEDIA,
    NGX_STENTOR_HLS_INITS,
    NGX_STENTOR_HLS_STEERINGS,
    NGX_STENTOR_HLS_OPTIONS
};


ngx_int_t
ngx_stentor_pulse_create(ngx_stentor_store_t *store)
{
    ngx_stentor_pulses_t  *all;

    all = ngx_slab_calloc(store->pool, sizeof(ngx_stentor_pulses_t)
                                       + store->nstreams
                                         * sizeof(ngx_stentor_pulse_stream_t));
    if (all == NULL) {
        return NGX_ERROR;
    }

    store->head->pulse = ngx_stentor_store_offset(store, all);

    return NGX_OK;
}


static ngx_stentor_pulses_t *
ngx_stentor_pulse_all(ngx_stentor_store_t *store)
{
    return ngx_stentor_store_at(store, store->head->pulse);
}


ngx_stentor_pulse_t *
ngx_stentor_pulse_start(ngx_cycle_t *cycle, ngx_stentor_wake_t *wake,
    ngx_stentor_crowd_t *crowd, ngx_stentor_pulse_look_pt look,
    ngx_stentor_pulse_news_pt news)
{
    ngx_stentor_pulse_t  *p;

    p = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_pulse_t));
    if (p == NULL) {
        return NULL;
    }

    p->store = wake->store;
    p->all = ngx_stentor_pulse_all(wake->store);
    p->slot = &p->all->slots[wake->slot];
    p->crowd = crowd;
    p->cycle = cycle;
    p->look = look;
    p->news = news;
    p->cpu_msec = ngx_current_msec;
    p->cpu_us = ngx_stentor_pulse_cpu();

    ngx_memzero(p->slot, sizeof(ngx_stentor_pulse_slot_t));

    p->timer.handler = ngx_stentor_pulse_tick;
    p->timer.data = wake->connection;
    p->timer.log = cycle->log;
    p->timer.cancelable = 1;

    ngx_stentor_pulse_again(p);

    /* whoever was here before may have left it full */

    ngx_stentor_crowd_tick(crowd);

    return p;
}


void
ngx_stentor_pulse_exit(ngx_stentor_pulse_t *p)
{
    (void) ngx_atomic_cmp_set(&p->all->sampler, (ngx_atomic_uint_t) ngx_pid,
                              0);
}


static void
ngx_stentor_pulse_tick(ngx_event_t *ev)
{
    ngx_stentor_pulse_t  *p;

    p = ngx_stentor_container(ev, ngx_stentor_pulse_t, timer);

    ngx_stentor_pulse_late(p);
    ngx_stentor_pulse_look(p);

    if (++p->ticks % NGX_STENTOR_PULSE_TICKS == 0) {
        ngx_stentor_pulse_busy(p);
        ngx_stentor_crowd_tick(p->crowd);

        if (ngx_stentor_pulse_mine(p)) {
            ngx_stentor_pulse_sample(p);
        }
    }

    ngx_stentor_pulse_again(p);
}


/* When that was due nginx has forgotten by then. */

static void
ngx_stentor_pulse_again(ngx_stentor_pulse_t *p)
{
    p->due = ngx_current_msec + NGX_STENTOR_PULSE_TICK_MS;

    ngx_add_timer(&p->timer, NGX_STENTOR_PULSE_TICK_MS);
}


static void
ngx_stentor_pulse_late(ngx_stentor_pulse_t *p)
{
    ngx_msec_int_t  late;

    late = (ngx_msec_int_t) (ngx_current_msec - p->due);

    if (late > (ngx_msec_int_t) p->slot->late_ms) {
        ngx_stentor_save(&p->slot->late_ms, (ngx_atomic_uint_t) late);
    }
}


/* Other processes' connections, and those to other servers, have not been
 * accepted here. */

static void
ngx_stentor_pulse_look(ngx_stentor_pulse_t *p)
{
    int64_t            until;
    ngx_uint_t         i, end;
    ngx_connection_t  *c;

    until = ngx_stentor_pulse_clock() + NGX_STENTOR_PULSE_LOOK_US;
    end = p->next + p->cycle->connection_n / NGX_STENTOR_PULSE_TICKS + 1;
    end = ngx_min(end, p->cycle->connection_n);

    for ( /* void */ ; p->next < end; p->next++) {
        c = &p->cycle->connections[p->next];

        if (c->fd != (ngx_socket_t) -1 && c->listening && !c->read->accept) {
            p->kinds[p->look(c)]++;
        }

        if (p->next % NGX_STENTOR_PULSE_BATCH == 0
            && ngx_stentor_pulse_clock() > until)
        {
            end = p->next + 1;
        }
    }

    if (p->next < p->cycle->connection_n) {
        return;
    }

    for (i = 0; i < NGX_STENTOR_PULSE_KINDS; i++) {
        ngx_stentor_save(&p->slot->kinds[i], p->kinds[i]);
        p->kinds[i] = 0;
    }

    p->next = 0;
}


/* Microseconds; ngx_current_msec stands still meanwhile. */

static int64_t
ngx_stentor_pulse_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
ngx_stentor_pulse_busy(ngx_stentor_pulse_t *p)
{
    int64_t     us;
    ngx_msec_t  since;
    ngx_uint_t  n, used;

    us = ngx_stentor_pulse_cpu();
    since = ngx_max(ngx_current_msec - p->cpu_msec, 1);

    ngx_stentor_save(&p->slot->cpu, (ngx_atomic_uint_t)
                                    (us - p->cpu_us) / since);
    p->cpu_msec = ngx_current_msec;
    p->cpu_us = us;

    n = p->cycle->connection_n;

    used = n - p->cycle->free_connection_n;

    ngx_stentor_save(&p->slot->used, used);
    ngx_stentor_save(&p->slot->places, used * 1000 / n);
}


/* Of this thread, which the event loop is, in microseconds. */

static int64_t
ngx_stentor_pulse_cpu(void)
{
    struct rusage  ru;

    if (getrusage(RUSAGE_THREAD, &ru) != 0) {
        return 0;
    }

    return ((int64_t) ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000
           + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec;
}


/* Whether this worker is the sampler, now. */

static ngx_uint_t
ngx_stentor_pulse_mine(ngx_stentor_pulse_t *p)
{
    ngx_pid_t          pid;
    ngx_msec_int_t     ago;
    ngx_atomic_uint_t  was;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        ngx_stentor_pulse_exit(p);
        return 0;
    }

    was = ngx_stentor_load(&p->all->sampler);
    pid = (ngx_pid_t) was;

    if (pid == ngx_pid) {
        return 1;
    }

    /* its clock may be a little ahead */

    ago = (ngx_msec_int_t) (ngx_current_msec
                            - ngx_stentor_load(&p->all->sampled_ms));

    if (pid && (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH)
        && ago < NGX_STENTOR_PULSE_LOST_MS)
    {
        return 0;
    }

    return ngx_atomic_cmp_set(&p->all->sampler, was,
                              (ngx_atomic_uint_t) ngx_pid);
}


static void
ngx_stentor_pulse_sample(ngx_stentor_pulse_t *p)
{
    stn_verdict_e          was;
    stn_verdict_t          verdict;
    ngx_stentor_sample_t  *sample;
    stn_verdict_figures_t  f;

    ngx_stentor_save(&p->all->sampled_ms, ngx_current_msec);

    ngx_memzero(&f, sizeof(stn_verdict_figures_t));

    sample = &p->all->ring[p->all->samples
                           % (NGX_STENTOR_PULSE_SAMPLES + 1)];
    ngx_stentor_pulse_levels(p, &f);
    ngx_stentor_pulse_sums(p, sample);
    sample->sums[NGX_STENTOR_PULSE_USED] = ngx_stentor_pulse_used(p);
    sample->sums[NGX_STENTOR_PULSE_LISTENERS] = f.listeners;
    p->all->samples++;

    ngx_stentor_pulse_rates(p, sample, &f);
    ngx_stentor_pulse_streams(p, &f);

    verdict = p->all->verdict;

    if (stn_verdict_next(&verdict, &f, sample->ms)) {
        ngx_stentor_pulse_tell(p, &verdict, &f);
    }

    if (stn_verdict_tell(&p->all->news, &verdict, sample->ms, &was)) {
        p->news(p->cycle, was, &verdict, &f);
    }

    /* one that died here has left it odd */

    ngx_stentor_save(&p->all->seq, p->all->seq | 1);
    ngx_stentor_fence();

    p->all->verdict = verdict;
    p->all->figures = f;

    ngx_stentor_save(&p->all->seq, p->all->seq + 1);
}


static void
ngx_stentor_pulse_sums(ngx_stentor_pulse_t *p, ngx_stentor_sample_t *sample)
{
    ngx_uint_t  i;
    uint64_t   *sums;

    sums = sample->sums;
    sample->ms = (int64_t) ngx_current_msec;

    if (&ngx_stat_accepted) {
        sums[NGX_STENTOR_PULSE_ACCEPTED] = *ngx_stat_accepted;
        sums[NGX_STENTOR_PULSE_REQUESTS] = *ngx_stat_requests;
    }

    for (i = NGX_STENTOR_PULSE_FIRSTS; i < NGX_STENTOR_PULSE_SUMS; i++) {
        sums[i] = ngx_stentor_store_sum(p->store, ngx_stentor_pulse_counters
                                        [i - NGX_STENTOR_PULSE_FIRSTS]);
    }

    sums[NGX_STENTOR_PULSE_MEDIA] +=
        ngx_stentor_store_sum(p->store, NGX_STENTOR_HLS_SEGMENTS);
}


/* From the oldest sample that there is to the newest; several in a row may be
 * missing while a sampler is replaced. */

static void
ngx_stentor_pulse_rates(ngx_stentor_pulse_t *p, ngx_stentor_sample_t *to,
    stn_verdict_figures_t *f)
{
    double                 rate[NGX_STENTOR_PULSE_SUMS], seconds;
    ngx_uint_t             i, n;
    ngx_stentor_sample_t  *from;

    n = ngx_min(p->all->samples - 1, NGX_STENTOR_PULSE_SAMPLES);
    from = &p->all->ring[(p->all->samples - 1 - n)
                         % (NGX_STENTOR_PULSE_SAMPLES + 1)];
    seconds = ngx_max(to->ms - from->ms, 1000) / 1000.0;

    for (i = 0; i < NGX_STENTOR_PULSE_SUMS; i++) {
        rate[i] = (double) (int64_t) (to->sums[i] - from->sums[i]) / seconds;
    }

    f->accepted = rate[NGX_STENTOR_PULSE_ACCEPTED];
    f->requests = rate[NGX_STENTOR_PULSE_REQUESTS];
    f->grown = rate[NGX_STENTOR_PULSE_USED];
    f->gained = rate[NGX_STENTOR_PULSE_LISTENERS];
    f->firsts = rate[NGX_STENTOR_PULSE_FIRSTS];
    f->connects = rate[NGX_STENTOR_PULSE_CONNECTS];
    f->playlists = rate[NGX_STENTOR_PULSE_PLAYLISTS];
    f->media = rate[NGX_STENTOR_PULSE_MEDIA];
    f->audio = rate[NGX_STENTOR_PULSE_AUDIO_MS] / 1000;
    f->repeats = rate[NGX_STENTOR_PULSE_REPEATS];
    f->malformed = rate[NGX_STENTOR_PULSE_MALFORMED];
    f->bad = rate[NGX_STENTOR_PULSE_BAD];
    f->not_found = rate[NGX_STENTOR_PULSE_NOT_FOUND];
    f->refused = rate[NGX_STENTOR_PULSE_REFUSED];
    f->joins = rate[NGX_STENTOR_PULSE_JOINS];
    f->ended_playlists = rate[NGX_STENTOR_PULSE_ENDED_PLAYLISTS];
    f->ended_media = rate[NGX_STENTOR_PULSE_ENDED_MEDIA];
    f->inits = rate[NGX_STENTOR_PULSE_INITS];
    f->steerings = rate[NGX_STENTOR_PULSE_STEERINGS];
    f->options = rate[NGX_STENTOR_PULSE_OPTIONS];
}


static void
ngx_stentor_pulse_levels(ngx_stentor_pulse_t *p, stn_verdict_figures_t *f)
{
    ngx_uint_t                 i, k;
    ngx_stentor_pulse_slot_t  *slot;

    f->known = (&ngx_stat_accepted != NULL);
    f->full = (uint32_t) ngx_stentor_crowd_level(p->store, NULL);

    f->connections = (uint32_t)
        ngx_stentor_store_sum(p->store, NGX_STENTOR_HLS_CONNECTIONS);
    f->listeners = (uint32_t)
        ngx_stentor_store_sum(p->store, NGX_STENTOR_HLS_LISTENERS);
    f->leaving = (uint32_t)
        ngx_stentor_store_sum(p->store, NGX_STENTOR_HLS_LEAVING);
    f->joining = (uint32_t)
        ngx_stentor_store_sum(p->store, NGX_STENTOR_HLS_JOINING);
    f->trying = (uint32_t)
        ngx_stentor_store_sum(p->store, NGX_STENTOR_HLS_TRYING);

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {

        p->living[i] = (u_char) ngx_stentor_store_lives(p->store, i);

        if (!p->living[i]) {
            continue;
        }

        slot = &p->all->slots[i];

        f->mute += (uint32_t) slot->kinds[NGX_STENTOR_PULSE_MUTE];
        f->reading += (uint32_t) slot->kinds[NGX_STENTOR_PULSE_READING];
        f->asked += (uint32_t) slot->kinds[NGX_STENTOR_PULSE_ASKED];

        for (k = 0; k < NGX_STENTOR_PULSE_KINDS; k++) {
            f->open += (uint32_t) slot->kinds[k];
        }

        f->cpu = ngx_max(f->cpu, (uint32_t) slot->cpu);
        f->places = ngx_max(f->places, (uint32_t) slot->places);
        f->late_ms = ngx_stentor_pulse_most(f->late_ms, &slot->late_ms);
        f->wake_us = ngx_stentor_pulse_most(f->wake_us,
                          &ngx_stentor_store_slot(p->store, i)->wake_us);
    }
}


/* The greater one; what is a worker's begins anew. */

static uint32_t
ngx_stentor_pulse_most(uint32_t most, ngx_atomic_t *mine)
{
    uint32_t  n;

    n = (uint32_t) __atomic_exchange_n(mine, 0, __ATOMIC_RELAXED);

    return ngx_max(most, n);
}


/* All connections of all workers.  Few are of others than clients, and these
 * come and go seldom; looks at each may be seconds old. */

static uint64_t
ngx_stentor_pulse_used(ngx_stentor_pulse_t *p)
{
    uint64_t    sum;
    ngx_uint_t  i;

    for (sum = 0, i = 0; i < NGX_STENTOR_SLOTS; i++) {
        if (p->living[i]) {
            sum += ngx_stentor_load(&p->all->slots[i].used);
        }
    }

    return sum;
}


static void
ngx_stentor_pulse_streams(ngx_stentor_pulse_t *p, stn_verdict_figures_t *f)
{
    double                    pace;
    ngx_uint_t                i;
    stn_verdict_e             verdict;
    ngx_stentor_stream_t     *st;
    ngx_stentor_rendition_t  *rend;

    for (i = 0; i < p->store->nstreams; i++) {
        st = ngx_stentor_store_stream(p->store, i);

        if (ngx_stentor_load(&st->state) != NGX_STENTOR_OPEN) {
            ngx_stentor_save(&p->all->streams[i].verdict,
                             STN_VERDICT_HEALTHY);
            continue;
        }

        verdict = ngx_stentor_pulse_judge(p, st);
        ngx_stentor_save(&p->all->streams[i].verdict, verdict);

        rend = &st->renditions[0];
        pace = (double) rend->rate / ngx_max(rend->part, 1);

        f->pace = ngx_max(f->pace, pace);
        f->streams++;
        f->lost += (verdict == STN_VERDICT_SOURCE_LOST);
        f->silent += (verdict == STN_VERDICT_SILENT);
    }
}


static stn_verdict_e
ngx_stentor_pulse_judge(ngx_stentor_pulse_t *p, ngx_stentor_stream_t *st)
{
    stn_verdict_stream_t         s;
    ngx_stentor_pulse_stream_t  *was;

    was = &p->all->streams[st->index];

    if (was->incarnation != st->incarnation) {
        was->fed_ms = 0;
        ngx_stentor_save(&was->incarnation, st->incarnation);
    }

    ngx_memzero(&s, sizeof(stn_verdict_stream_t));

    s.relayed = (ngx_stentor_load(&st->relayed) != 0);
    s.fed = s.relayed && st->relay.chain[0] != '\0'
            && ngx_stentor_store_owned(st);
    s.live = (ngx_stentor_load(&st->live) != 0);
    s.met = st->counters[NGX_STENTOR_STREAM_LIVE_FRAMES] != 0;
    s.kept = !s.relayed && st->opened_by != NGX_STENTOR_BY_BROADCASTER;
    s.silent = ngx_stentor_pulse_silent(st);
    s.listeners = ngx_stentor_pulse_living(p, st);

    if (was->fed_ms == 0 || (s.relayed ? s.fed : s.live)) {
        was->fed_ms = (int64_t) ngx_current_msec;
    }

    s.away_ms = (int64_t) ngx_current_msec - was->fed_ms;

    return stn_verdict_stream(&s);
}


/* As ngx_stentor_pulse_listeners(), of workers that the sample found alive: no
 * system call for each stream of each. */

static uint32_t
ngx_stentor_pulse_living(ngx_stentor_pulse_t *p, ngx_stentor_stream_t *st)
{
    uint32_t    sum;
    ngx_uint_t  i;

    for (sum = 0, i = 0; i < NGX_STENTOR_SLOTS; i++) {
        if (p->living[i]) {
            sum += ngx_stentor_store_listeners(p->store, i)[st->index];
        }
    }

    return sum;
}


static ngx_uint_t
ngx_stentor_pulse_silent(ngx_stentor_stream_t *st)
{
    return ngx_stentor_load(&st->level.measured)
           && ((st->level.alarms & 1u << NGX_STENTOR_ALARM_DEAD_AIR)
               || st->level.silent_ms >= NGX_STENTOR_PULSE_SILENT_MS);
}


static void
ngx_stentor_pulse_tell(ngx_stentor_pulse_t *p, stn_verdict_t *verdict,
    stn_verdict_figures_t *f)
{
    char        text[STN_VERDICT_TEXT_MAX];
    unsigned    news;
    ngx_uint_t  i, level;

    news = verdict->attacks & ~p->all->verdict.attacks;

    for (i = 0; i < STN_ATTACKS; i++) {
        if (news & 1u << i) {
            (void) ngx_atomic_fetch_add(&p->all->told[i], 1);
        }
    }

    level = (verdict->attacks || verdict->state > STN_VERDICT_ATTACK)
            ? NGX_LOG_WARN : NGX_LOG_NOTICE;

    stn_verdict_text(verdict, f, text);

    ngx_log_error(level, p->cycle->log, 0, "the node is now %s", text);
}


ngx_int_t
ngx_stentor_pulse_read(ngx_stentor_store_t *store, stn_verdict_t *verdict,
    stn_verdict_figures_t *figures)
{
    ngx_uint_t             i;
    ngx_atomic_uint_t      seq;
    ngx_stentor_pulses_t  *all;

    all = ngx_stentor_pulse_all(store);

    for (i = 0; i < NGX_STENTOR_PULSE_TRIES; i++) {
        seq = ngx_stentor_load(&all->seq);
        *verdict = all->verdict;
        *figures = all->figures;
        ngx_stentor_fence();

        if (seq % 2 == 0 && seq == ngx_stentor_load(&all->seq)) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_stentor_pulse_worker(ngx_stentor_store_t *store, ngx_uint_t slot,
    ngx_uint_t *cpu, ngx_uint_t *places)
{
    ngx_stentor_pulse_slot_t  *place;

    place = &ngx_stentor_pulse_all(store)->slots[slot];

    *cpu = ngx_stentor_load(&place->cpu);
    *places = ngx_stentor_load(&place->places);
}


uint64_t
ngx_stentor_pulse_told(ngx_stentor_store_t *store, stn_attack_e kind)
{
    return ngx_stentor_load(&ngx_stentor_pulse_all(store)->told[kind]);
}


stn_verdict_e
ngx_stentor_pulse_stream(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    ngx_stentor_pulse_stream_t  *was;

    was = &ngx_stentor_pulse_all(store)->streams[st->index];

    return was->incarnation == st->incarnation
           ? (stn_verdict_e) ngx_stentor_load(&was->verdict)
           : STN_VERDICT_HEALTHY;
}


uint32_t
ngx_stentor_pulse_listeners(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st)
{
    uint32_t    n, sum;
    ngx_uint_t  i;

    for (sum = 0, i = 0; i < NGX_STENTOR_SLOTS; i++) {
        n = ngx_stentor_store_listeners(store, i)[st->index];

        if (n && ngx_stentor_store_lives(store, i)) {
            sum += n;
        }
    }

    return sum;
}
