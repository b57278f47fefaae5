#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The wall clock is set while a node runs (libfaketime): forward and back, by
# two seconds, an hour and a day.  Whoever is on the air and whoever listens
# notices nothing, in the worker that has the stream and in the one that goes
# on with it.  What has a date goes by the new clock: keys that expire, events,
# streams that begin.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Keys;
use Stentor::Kit;
use Stentor::Redis;
use Stentor::Replay;
use Stentor::Tone;
use Stentor::Webhook;
use Stentor::Witness;

use File::Temp ();
use List::Util qw(max);
use Time::HiRes qw(time);
use Time::Local qw(timegm);


need(qw(ffmpeg redis-server));
plan(skip_all => 'needs libfaketime')
    if !Stentor::Node::has(Stentor::Node::libfaketime(), 'libfaketime');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880);
my $hook = Stentor::Webhook->start();
my $redis = Stentor::Redis->new();
my $secret = Stentor::Keys::new_secret();
my $keys = Stentor::Keys::key_file("$dir/keys", $secret->{line});

# How far streams' dates may be from when parts are made, in seconds: a machine
# that has much to do is late, but not by an hour.
my $NEAR = 20;

my $node = Stentor::Node->new(clock => 0, workers => 3, reuseport => 1,
    part_duration => '400ms', segment_parts => 10, window => '24s',
    linger => '300s', zone => '64m', srt => [''],
    application => "stream conf; replay $dir end=60s; on_event "
                   . $hook->url('/') . ';',
    stentor => "cluster { node n1; role origin; lease 15s;"
        . ' relay http://127.0.0.1:1/; redis ' . $redis->address()
        . ' timeout=5s; }'
        . ' application ladder { rendition a bitrate=64k; part_duration 400ms;'
        . ' segment_parts 10; window 24s; stream one; }'
        . ' application brief { part_duration 200ms; segment_parts 6;'
        . " window 8s; on_event ${\ $hook->url('/') }; }"
        . " application keyed { publish_key_file $keys; }",
    http_server => 'location /ladder/ { stentor_hls; }');
my @STREAMS = qw(live/conf live/air live/srt ladder/one);

my $b = broadcaster($node, name => 'air', media => $media);
my $e = Stentor::Encoder->start(url => $node->srt_url(), format => 'mpegts',
    file => Stentor::Tone::file("$dir/tone.m4a", 440, 120),
    log => "$dir/encoder.log", options => ['-srt_streamid', 'live/srt']);
$node->wait_stream($_, sub ($st) { $st && $st->{state} ne 'opening' })
    for @STREAMS;
$node->wait_stream('live/srt', sub ($st) { $st->{state} eq 'live' }, 40);

# Who compares all versions of a playlist, and everything that they list.
my %witness = map {
    $_ => Stentor::Witness->start(port => $node->port_http(), dir => "$dir",
        name => s{/}{-}r, playlist => "/$_/" . (/ladder/ ? 'a' : 'audio')
                                      . '.m3u8')
} @STREAMS;


sub figures($status) {
    return { map { $_->{name} => $_ } @{ $status->{streams} } };
}


# So many parts of every stream, from now on.

sub go_on($n) {
    my $from = figures($node->status());

    return $node->wait_status(sub ($s) {
        my $now = figures($s);
        return !grep { $now->{$_}{parts} < $from->{$_}{parts} + $n } @STREAMS;
    }, 40, 'all streams go on');
}


sub lease($stream) { return $redis->ask('GET', "stentor:lease:$stream") }


# Streams are dated as if the clock had not been set.

sub on_time($status, $what) {
    my $now = figures($status);
    my $off = max(map {
        abs($now->{$_}{renditions}[0]{edge_ms} / 1000 - time())
    } @STREAMS);

    cmp_ok($off, '<', $NEAR, "$what: dates go on as they were");

    my $age = max($node->get('/metrics')->{body}
                  =~ /^stentor_stream_edge_age_seconds\S* (\S+)$/mg);
    cmp_ok($age, '<', $NEAR, 'and the metric says that they are new');
}


# Seconds that a key is signed for, and whether the node takes it.

sub key_is($takes, $seconds, $what) {
    my $query = Stentor::Keys::sign_key($keys, 'keyed/k', "${seconds}s");
    my ($s, $said) = Stentor::Keys::knock($node, "k?$query", app => 'keyed');

    is($said->{code} eq 'NetStream.Publish.Start', $takes, $what)
        or diag($said->{description});
    $s->finish();
}


sub told($event) {
    return grep { $_->{json}{event} eq $event } $hook->requests();
}


# When an event was, in Unix time.

sub when($event) {
    my ($y, $m, $d, $h, $min, $s) = $event->{json}{time}
        =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)Z$/ or return 0;
    return timegm(int($s), $min, $h, $d, $m - 1, $y);
}


# --- while everybody is where he is

my $epoch = { map { $_ => lease($_) =~ s/ .*//r } @STREAMS };
my $was = figures(go_on(3));

for my $step ([3600, 'an hour forward'], [0, 'an hour back'],
              [86400, 'a day forward'], [86398, 'two seconds back'])
{
    my ($off, $what) = @$step;

    $node->set_clock($off);
    my $s = go_on(4);
    on_time($s, $what);

    is(scalar(grep { (lease($_) // '') !~ /^$epoch->{$_} / } @STREAMS), 0,
       "$what: the leases are ours as they were");
    is($s->{cluster}{redis}{state}, 'up', 'Redis is there');
    cmp_ok($s->{uptime_s}, '<', 600, 'it has not been up for longer');
}

my $is = figures($node->status());

for my $stream (qw(live/air live/srt)) {
    is($is->{$stream}{state}, 'live', "$stream: is on the air");

    # a busy machine is late now and then; a clock would be so for good
    my ($live, $hold) = map {
        $is->{$stream}{repairs}{$_} - $was->{$stream}{repairs}{$_}
    } qw(live_frames hold_frames);
    cmp_ok($hold, '<', $live, 'and was so all the time');
    cmp_ok($is->{$stream}{session}{since_s}, '<', 120, 'for seconds');
}

# --- what has a date

key_is('', 3600, 'a key of yesterday is not good any more');
$node->set_clock(0);
key_is(1, 3600, 'but it is when it is yesterday again');

$node->control('open', 'brief/ctl');
$node->set_clock(3600);
$node->control('close', 'brief/ctl');
ok($node->wait_until(sub {
    grep { $_->{json}{stream} eq 'brief/ctl' } told('closed');
}), 'an event');
my ($event) = grep { $_->{json}{stream} eq 'brief/ctl' } told('closed');
cmp_ok(abs(when($event) - $node->wall()), '<', 20, 'has the new date');

my $s = Stentor::RTMP->open(port => $node->port_rtmp(), app => 'brief',
                            name => 'ctl', asc => $media->{asc});
$s->frames($media->{frames}, 0, 50);
like(($s->on_status() // {})->{description}, qr/operator has closed/,
     'what was closed an hour ago was closed just now');
$s->finish();

$node->set_clock(-3600);
ok($node->wait_until(sub { !$node->stream('brief/ctl') }, 20),
   'a stream that is over goes, whatever the time is');

# --- somebody else goes on with streams, by a clock that has been set

for my $step ([-3600, 'an hour back'], [3600, 'an hour forward']) {
    my ($off, $what) = @$step;

    $node->set_clock($off);

    for my $stream (qw(live/conf ladder/one)) {
        my $st = $node->stream($stream);
        $node->kill_worker('KILL', $st->{owner_pid});
        ok($node->wait_stream($stream, sub ($new) {
            return $new->{owner_pid} != $st->{owner_pid}
                   && $new->{parts} > $st->{parts} + 3;
        }, 10, "$stream goes on"), "$what, killed: $stream goes on");
    }

    $b->gone();
    $b = broadcaster($node, name => 'air', media => $media);
    $node->reload();
    on_time(go_on(5), "$what, reloaded");
    $b->kill_it();
    $b = broadcaster($node, name => 'air', media => $media);
    on_time(go_on(5), "$what, he is back");
}

# --- a stream that begins takes the time that it is

$node->control('open', 'live/new');
$node->wait_stream('live/new', sub ($st) { $st && $st->{parts} });
my $edge = $node->stream('live/new')->{renditions}[0]{edge_ms} / 1000;
cmp_ok(abs($edge - $node->wall()), '<', $NEAR, 'a new stream has the new date');

# --- all of it as it was heard

for my $stream (@STREAMS) {
    my $seen = $witness{$stream}->join(5);
    conforms("$stream: one unbroken programme", @{ $seen->{violations} });
}

my $r = Stentor::Replay->new(dir => "$dir", stream => 'live/air');
is(scalar($r->starts()), 1, 'one replay of all');
conforms('which may be played', $r->violations());
cmp_ok($r->seconds(), '>', 20, 'and is as long as it was');

$b->stop();
$e->stop();
$node->done('TERM');
done_testing();
