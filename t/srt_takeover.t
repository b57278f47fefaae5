#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A name published again by SRT: the newest broadcaster wins at once, by
# whichever protocol he and the one before came, and listeners hear one
# unbroken programme.  One that is killed leaves hold audio, and his session
# is gone as soon as libsrt takes him for dead.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Tone;

use Time::HiRes qw(time);


need('ffmpeg');

use constant {
    # a part and the grace, of the node below
    HOLD => 0.6,

    # how long libsrt waits for a peer before it is dead
    DEAD => 4,

    # takeovers that soon after one another are a fight
    FIGHT => 10,
};

my $SLOW = $ENV{STENTOR_ASAN} ? 4 : 1;
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my %file = map {
    $_ => Stentor::Tone::file("$dir/$_.m4a", $_, 120)
} 440, 880;
my %media = map { $_ => Stentor::Media::fixture(freq => $_) } 440, 880;

my $node = Stentor::Node->new(linger => '60s', srt => [''],
    part_duration => '200ms', grace => '400ms');


sub by_srt($hz, $name = 'studio1') {
    return Stentor::Encoder->start(file => $file{$hz},
        url => $node->srt_url(), format => 'mpegts',
        log => "$dir/$hz.log", options => ['-srt_streamid', "live/$name"]);
}


sub by_rtmp($hz) {
    return Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                       media => $media{$hz});
}


sub session($name = 'studio1') {
    my $st = $node->stream("live/$name") // return undef;
    return $st->{state} eq 'live' ? $st->{session} : undef;
}


# Waits for another session, by that protocol.

sub is_on_air($what, $protocol, $former) {
    ok($node->wait_until(sub {
        my $s = session();
        return $s && $s->{protocol} eq $protocol && $s->{id} != $former;
    }), "$what: he has the stream") or diag($node->log());

    return session()->{id};
}


my $l;

sub sounds($hz, $what) {
    my $tone;

    ok($l->run(sub ($l) {
        return 0 if @{ $l->{parts} } % 3;
        $tone = $l->tone(4);
        return defined $tone && abs($tone - $hz) < 10;
    }, 15), "$what: is heard") or diag('heard ' . ($tone // 'silence'));

    splice(@{ $l->{parts} }, 0, -8) if @{ $l->{parts} } > 8;
}


sub takeovers() { return $node->status()->{ingest}{takeovers} }


my $first = by_srt(440);
my $id = is_on_air('the first', 'srt', 0);
$l = listener($node, keep => 1);
my $witness = Stentor::Listener->fork_run(160, port => $node->port_http(),
                                          edge => 1);
sounds(440, 'the first');

# --- SRT from SRT

my $msn = $node->stream('live/studio1')->{renditions}[0]{msn};
my $second = by_srt(880);
$id = is_on_air('the second', 'srt', $id);
ok($node->wait_until(sub { $first->gone() }), 'the first is hung up on');
sounds(880, 'the second');
is(takeovers(), 1, 'a takeover is counted');
cmp_ok($node->stream('live/studio1')->{renditions}[0]{msn}, '>=', $msn,
       'in the same programme');
like($node->log(), qr/"live\/studio1" has ended: another session publishes/,
     'the log says why');

# one who comes and sends nothing takes nothing
my $mute = Stentor::SrtCaller->connect(port => $node->port_srt(),
                                       streamid => 'live/studio1');
is($mute->{code}, 0, 'one who sends nothing is let in');
$mute->hung_up(1);
is(session()->{id}, $id, 'and takes nothing');
$mute->shutdown();

# --- RTMP from SRT, and back; not so soon that it would be a fight

my $began = time();
$node->wait_until(sub { time() - $began > FIGHT }, FIGHT + 1);

my $third = by_rtmp(440);
$id = is_on_air('RTMP from SRT', 'rtmp', $id);
ok($node->wait_until(sub { $second->gone() }), 'SRT is hung up on');
sounds(440, 'RTMP from SRT');
is(takeovers(), 2, 'a takeover is counted');

my $fourth = by_srt(880);
$id = is_on_air('SRT from RTMP', 'srt', $id);
ok($third->closed(5), 'RTMP is hung up on');
sounds(880, 'SRT from RTMP');
is(takeovers(), 3, 'a takeover is counted');

# --- one who is killed

my $frames = $node->stream('live/studio1')->{repairs}{hold_frames};
$began = time();
$fourth->kill_it();

ok($node->wait_until(sub {
    return $node->stream('live/studio1')->{state} eq 'hold';
}, HOLD + $SLOW), 'a killed one: hold audio');
my $after = time() - $began;

ok($node->wait_until(sub { $node->status()->{ingest}{sessions} == 0 },
                     DEAD + 1 + $SLOW), 'a killed one: his session ends');
note(sprintf('hold after %.2f s, gone after %.1f s', $after,
             time() - $began));

# what waits in libsrt for its latency is played first
cmp_ok($after, '<', HOLD + 0.2 + $SLOW, 'a killed one: in time');
cmp_ok($node->stream('live/studio1')->{repairs}{hold_frames}, '>', $frames,
       'a killed one: it is heard');

my $fifth = by_srt(440);
is_on_air('he comes back', 'srt', $id);
sounds(440, 'he comes back');

# one who is killed and is back before libsrt knows
$fifth->kill_it();
my $sixth = by_srt(880);
sounds(880, 'one who is back at once');
ok($node->wait_until(sub { $node->status()->{ingest}{sessions} == 1 },
                     DEAD + 1 + $SLOW), 'his ghost ends');
is(session()->{protocol}, 'srt', 'and takes nothing with it');

# --- names that are alike

my $other = by_srt(440, 'studio');
ok($node->wait_until(sub { session('studio') }), 'a prefix is another name');
ok(!$sixth->gone(), 'and takes nothing');

conforms('one unbroken programme through all of it',
         @{ $witness->join()->{violations} });

ok($_->stop(), 'an encoder leaves in order') for $sixth, $other;
$node->done('TERM');
done_testing();
