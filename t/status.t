#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The status: every field that docs/status.md names is there and nothing else,
# the counters count, and Prometheus reads the same figures.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

use JSON::PP;
use Time::HiRes qw(time sleep);

my $node = Stentor::Node->new();

my %FIELDS = (
    '' => [qw(version uptime_s workers store verdict processes ingest hls events
        relay replay cluster streams)],
    store => [qw(zone_bytes free_bytes streams_max streams)],
    ingest => [qw(connections sessions handshake_failures protocol_errors
        timeouts refused_application refused_name refused_codec refused_closed
        refused_full refused_play refused_webhook webhook_failures
        refused_bitrate refused_taken refused_key refused_attempts
        refused_sessions takeovers bytes video_messages
        video_bytes)],
    hls => [qw(playlists parts segments inits not_modified bad_requests
        not_found waiters holds hold_timeouts pending pending_refused renders
        gzip_renders wakes connects connections bytes audio_ms repeats
        malformed listeners leaving joining trying joins returns downgraded
        steered refused steerings firsts ended_playlists
        ended_media options)],
    events => [qw(sent retries failed dropped)],
    relay => [qw(requests refused sessions parts_out bytes_out pulls connects
        failures switches parts_in bytes_in)],
    replay => [qw(parts bytes lost failures ended removed writers failing)],
    verdict => [qw(state attacks text since_s figures)],
    figures => [qw(accepted_per_s requests_per_s open mute reading asked
        firsts_per_s connects_per_s playlists_per_s media_per_s audio_per_s
        repeats_per_s
        malformed_per_s bad_per_s not_found_per_s joins_per_s refused_per_s
        ended_playlists_per_s ended_media_per_s inits_per_s
        steerings_per_s options_per_s
        connections_used late_ms wake_late_ms busy streams lost silent)],
    process => [qw(pid busy connections_used cpu_s threads rss_bytes)],
    stream => [qw(name state opened_by opened_s epoch owner_pid parts
        segments bytes waiters listeners unique unique_cluster verdict wakes
        repairs lease_epoch relay level session replay renditions)],
    repairs => [qw(gaps_filled stale_dropped resyncs hold_frames live_frames
        drift_repairs broken formats adoptions takeovers fights dead_airs)],
    level => [qw(rms_db true_peak_db max_true_peak_db momentary_lufs
        short_term_lufs integrated_lufs silent_ms clipped alarms)],
    session => [qw(id protocol address encoder since_s bytes audio_frames
        video_messages video_bytes)],
    rendition => [qw(name codecs rate channels bandwidth init msn part
        first_msn window_bytes average_bandwidth edge_ms late_ms)],
);


sub has_fields($what, $h, $list) {
    my %have = map { $_ => 1 } keys %$h;
    delete $have{$_} or fail("$what has no $_") for @$list;
    is(join(' ', sort keys %have), '', "$what: known fields, no others");
}


# --- empty

my $r = $node->get('/status');
is($r->{status}, 200, 'status');
like($r->{headers}{'content-type'}, qr{^application/json}, 'its type');
like($r->{headers}{'cache-control'} // '', qr/no-store|no-cache/,
     'is not kept');
my $s = decode_json($r->{body});
has_fields('status', $s, $FIELDS{''});
has_fields($_, $s->{$_}, $FIELDS{$_}) for qw(store ingest hls events relay
    replay);
is_deeply($s->{streams}, [], 'no streams yet');
is($s->{workers}, 2, 'workers');

my $judged = $node->wait_status(sub ($s) { $s->{verdict} });
has_fields('the verdict', $judged->{verdict}, $FIELDS{verdict});
has_fields('its figures', $judged->{verdict}{figures}, $FIELDS{figures});
like($judged->{verdict}{state}, qr/^(?:healthy|crowded)$/,
     'it is healthy, or the machine is busy');
is_deeply($judged->{verdict}{attacks}, [], 'nobody attacks it');
cmp_ok($judged->{verdict}{figures}{wake_late_ms}, '<', 5000,
       'workers notice that they are woken');

my @workers = @{ $s->{processes} };
is_deeply([ sort { $a <=> $b } map { $_->{pid} } @workers ],
          [ $node->worker_pids() ], 'its processes are the workers');
has_fields('a process', $workers[0], $FIELDS{process});
cmp_ok($_->{threads}, '>=', 1, "threads of $_->{pid}") for @workers;
cmp_ok($_->{rss_bytes}, '>', 1 << 20, "memory of $_->{pid}") for @workers;
cmp_ok($s->{store}{free_bytes}, '<=', $s->{store}{zone_bytes}, 'free bytes');

# --- on the air

my $free = $s->{store}{free_bytes};
my $b = broadcaster($node, encoder => "x\"y\\z\n\x{c3}\x{a9}<script>",
                    video => 'v' x 500);
my $l = listener($node, edge => 1);
ok($l->parts(12), 'a listener');
conforms('who hears a clean programme', @{ $l->{violations} });

$s = $node->status();
my $st = $s->{streams}[0];
has_fields('a stream', $st, $FIELDS{stream});
has_fields('its repairs', $st->{repairs}, $FIELDS{repairs});
has_fields('its level', $st->{level}, $FIELDS{level});
has_fields('its session', $st->{session}, $FIELDS{session});
has_fields('its rendition', $st->{renditions}[0], $FIELDS{rendition});

is($st->{name}, 'live/studio1', 'name');
is($st->{state}, 'live', 'state');
is($st->{opened_by}, 'broadcaster', 'who opened it');
is(scalar(@{ $st->{level}{rms_db} }), 2, 'a level for each channel');
is_deeply($st->{level}{alarms}, [], 'no alarm');
is($st->{level}{silent_ms}, 0, 'no silence');
ok(scalar(grep { $_ == $st->{owner_pid} } $node->worker_pids()),
   'owner is a worker');
like($st->{session}{encoder}, qr/^x"y\\z[^\x00-\x1f]+<script>$/,
     'what the encoder says about itself is escaped');
is($st->{renditions}[0]{codecs}, 'mp4a.40.2', 'codecs');
is($st->{renditions}[0]{rate}, 48000, 'rate');
cmp_ok(abs($st->{renditions}[0]{late_ms}), '<', 5000, 'late by little');
is($st->{renditions}[0]{channels}, 2, 'channels');
cmp_ok($st->{session}{audio_frames}, '>', 50, 'audio frames');
cmp_ok($st->{session}{video_messages}, '>', 5, 'video is counted');
cmp_ok($s->{store}{free_bytes}, '<', $free, 'a stream takes memory');
is($s->{store}{streams}, 1, 'one stream');
is($s->{ingest}{sessions}, 1, 'one session');
cmp_ok($s->{hls}{parts}, '>=', 12, 'parts served');
cmp_ok($s->{hls}{holds}, '>=', 5, 'requests held');

is($s->{hls}{listeners}, 1, 'one listener');
is($st->{listeners}, 1, 'of this stream');
is($st->{unique}, 1, 'there was one');

for my $agent ('one', 'two', 'two') {
    my $uri = playlist($node)->{segments}[-1]{uri};
    is($node->get("/live/studio1/$uri", 'User-Agent' => $agent)->{status}, 200,
       "a segment for $agent");
}

is($node->stream('live/studio1')->{unique}, 3, 'and two others');

my $before = $s;
$node->get('/live/studio1/audio.m3u8?_HLS_msn=x');
$node->get('/live/studio1/nope');
$l->parts(3);
$s = $node->status();
cmp_ok($s->{hls}{bad_requests}, '==', $before->{hls}{bad_requests} + 1,
       'bad requests count');
cmp_ok($s->{hls}{not_found}, '==', $before->{hls}{not_found} + 1,
       'not found counts');
cmp_ok($s->{hls}{playlists}, '>', $before->{hls}{playlists},
       'playlists count');
cmp_ok($s->{streams}[0]{parts}, '>', $before->{streams}[0]{parts},
       'parts count');
cmp_ok($s->{streams}[0]{bytes}, '>', $before->{streams}[0]{bytes},
       'bytes count');

for my $group (qw(ingest hls events)) {
    my @back = grep { $s->{$group}{$_} < $before->{$group}{$_}
                      && !/^(?:waiters|pending|connections|sessions)$/ }
               keys %{ $s->{$group} };
    is("@back", '', "$group: no counter goes back");
}

# one waiter, seen
my ($msn) = $l->{playlist}->next_part();
my $c = $node->http();
$c->request('GET', '/live/studio1/audio.m3u8?_HLS_msn=' . ($msn + 1));
ok($node->wait_stream('live/studio1', sub ($st) { $st->{waiters} == 1 }),
   'a waiter is seen');
$c->response();
ok($node->wait_stream('live/studio1', sub ($st) { $st->{waiters} == 0 }),
   'and gone when answered');

# --- prometheus

$r = $node->get('/metrics');
is($r->{status}, 200, 'metrics');
like($r->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4},
     'their type');

my (%type, %help, %value, @bad);

for my $line (split(/\n/, $r->{body})) {
    if ($line =~ /^# HELP (stentor_\w+) \S/) {
        push(@bad, "HELP twice: $1") if $help{$1}++;

    } elsif ($line =~ /^# TYPE (stentor_\w+) (counter|gauge)$/) {
        push(@bad, "TYPE twice: $1") if exists $type{$1};
        $type{$1} = $2;

    } elsif ($line =~ /^(stentor_\w+)((?:\{(?:\w+="(?:[^"\\\n]|\\["\\n])*"
                       (?:,(?=\w))?)+\})?)\ (-?[\d.]+(?:e[+-]?\d+)?)$/x)
    {
        my ($name, $labels, $value) = ($1, $2, $3);
        push(@bad, "sample twice: $name$labels")
            if exists $value{"$name$labels"};
        push(@bad, "no TYPE before $name") if !exists $type{$name};
        push(@bad, "no HELP for $name") if !$help{$name};
        push(@bad, "counter without _total: $name")
            if ($type{$name} // '') eq 'counter' && $name !~ /_total$/;
        $value{"$name$labels"} = $value;

    } else {
        push(@bad, "not in the format: $line");
    }
}

like($r->{body}, qr/\n\z/, 'metrics end with a line feed');
is($value{'stentor_verdict{state="healthy"}'}
   + $value{'stentor_verdict{state="crowded"}'}, 1, 'the verdict is a metric');
is($value{"stentor_attack{kind=\"$_\"}"}, 0, "$_ is a metric")
    for qw(connect-only slow-loris playlist-only hammering malformed);
is($value{'stentor_stream_verdict{stream="live/studio1",state="source lost"}'},
   0, 'that a source is lost is a metric');
conforms('metrics are in the text format', @bad);
cmp_ok(scalar(keys %value), '>', 30, 'there are many');
ok(scalar(grep { /stream="live\/studio1"/ } keys %value),
   'some of them by stream');
is($value{qq(stentor_stream_alarm{stream="live/studio1",alarm="$_"})}, 0,
   "$_ is a metric") for qw(dead_air one_ear clipping);
cmp_ok($value{qq(stentor_stream_$_\{stream="live/studio1"})} // 0, '<', 0,
       "$_ is a metric") for qw(loudness_lufs true_peak_db);
is($value{'stentor_store_size_bytes'}, $s->{store}{zone_bytes},
   'the zone is a metric');
is(scalar(grep { /^stentor_build_info\{version="\Q$s->{version}\E",nginx="/ }
                keys %value), 1, 'what runs is one');
my $age = $value{'stentor_stream_edge_age_seconds{stream="live/studio1"}'};
ok(defined $age && $age > -1 && $age < 2, 'how old the newest part is, too')
    or diag($age // 'none');
ok(scalar(grep { /^stentor_ingest_video_messages/ } keys %value)
   || scalar(grep { /video_messages/ } keys %value), 'video is among them');

$c = $node->http();
$c->request('HEAD', '/status');
is($c->response()->{status}, 200, 'HEAD');
$c->request('POST', '/status', 'Content-Length' => 0);
is($c->response()->{status}, 405, 'POST');

# --- lateness

$l = listener($node, edge => 1);
ok($l->parts(3), 'a listener has workers woken');
ok($node->wait_status(sub ($s) {
    return $s->{verdict}{figures}{wake_late_ms} > 0;
}), 'that they take a moment to notice is seen');
cmp_ok($node->status()->{verdict}{figures}{late_ms}, '<', 60000,
       'event loops are not late by hours');

# stopped for longer than a tick of the pulse
my ($stopped) = $node->worker_pids();
my $until = time() + 0.5;
kill('STOP', $stopped);
sleep(0.02) while time() < $until;
kill('CONT', $stopped);
ok($node->wait_status(sub ($s) {
    return $s->{verdict}{figures}{late_ms} >= 300
           && $s->{verdict}{state} eq 'crowded';
}), 'an event loop that was held up is seen, and the node is crowded');

# --- without him

$b->stop();
$s = $node->wait_stream('live/studio1', sub ($st) {
    return $st->{state} eq 'hold' && !defined $st->{level}
           && !defined $st->{session};
});
ok($s, 'without a broadcaster there is no level and no session');
unlike($node->get('/metrics')->{body}, qr/^stentor_stream_loudness_lufs\{/m,
       'nor a loudness');
$node->done();
done_testing();
