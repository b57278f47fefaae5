#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What the node hears of its broadcasters: how loud they are, that one has
# fallen silent, that an ear of another is dead, that a third one is clipped.
# All of them at once, for some of it takes ten seconds.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Webhook;


need('ffmpeg');

# a sine of -20 dBFS has an RMS of -23.01; on both channels its loudness is
# -20, on one of them -23 LUFS (BS.1770)
my $SINE = '0.1*sin(2*PI*997*t)';
my %SOUNDS = (
    tone => "aevalsrc=$SINE|$SINE",
    soft => 'aevalsrc=0.02*sin(2*PI*997*t)|0.02*sin(2*PI*997*t)',
    silence => 'anullsrc=channel_layout=stereo',
    left => "aevalsrc=$SINE|0",
    clipped => 'aevalsrc=clip(4*sin(2*PI*220*t)\\,-1\\,1)'
               . '|clip(4*sin(2*PI*220*t)\\,-1\\,1)',
);

for my $name (keys %SOUNDS) {
    $SOUNDS{$name} = Stentor::Media::fixture(name => "air-$name",
        bitrate => '192k', source => "$SOUNDS{$name}:sample_rate=48000");
}

my $hook = Stentor::Webhook->start();
my $conf = 'part_duration 200ms; segment_parts 6; window 15s; linger 2s;'
           . ' on_event ' . $hook->url('/') . ';';

my $node = Stentor::Node->new(workers => 1, zone => '64m',
    stentor => "application bare { $conf dead_air -50dB 2s; }\n"
               . "application held { $conf dead_air -50dB 2s hold; }\n"
               . "application none { $conf }",
    http_server => join("\n", map { "location /$_/ { stentor_hls; }" }
                        qw(bare held none)));


sub start($app, $sound) {
    return Stentor::Broadcaster->start(port => $node->port_rtmp(),
        app => $app, name => 's', sounds => \%SOUNDS,
        media => $SOUNDS{$sound});
}


sub level($app) {
    return ($node->stream("$app/s") // {})->{level};
}


sub has_alarm($st, $alarm) {
    return $st && $st->{level}
           && grep { $_ eq $alarm } @{ $st->{level}{alarms} };
}


# Waits for an alarm to begin, or to be over.

sub alarm_is($app, $alarm, $on, $seconds, $what) {
    return ok($node->wait_stream("$app/s", sub ($st) {
        return $st && $st->{level} && !!has_alarm($st, $alarm) == !!$on;
    }, $seconds + $Stentor::Node::PATIENCE), $what);
}


sub told($app, $event) {
    return map { $_->{json} }
           grep { $_->{json}{stream} eq "$app/s"
                  && $_->{json}{event} eq $event } $hook->requests();
}


sub metric($app, $alarm) {
    my $labels = qq(stream="$app/s",alarm="$alarm");
    my ($value) = $node->get('/metrics')->{body}
        =~ /^stentor_stream_alarm\{\Q$labels\E\} (\d)$/m;
    return $value;
}


sub near($is, $want, $what) {
    return cmp_ok(abs(($is // 1000) - $want), '<', 0.5, "$what: $want")
        || diag($is // 'undefined');
}


# RMS of 16-bit samples in dB of full scale, -120 for silence.

sub rms($pcm) {
    my @s = unpack('s<*', $pcm);
    my $sum = 0;
    $sum += $_ * $_ for @s;
    return -120 if !$sum;
    return 10 * log($sum / @s / 32768 ** 2) / log(10);
}


# What the last parts that a listener got sound like: RMS, and a tone.

sub sound($l, $n) {
    my @bodies = map { $_->{body} } @{ $l->{parts} };
    splice(@bodies, 0, @bodies - $n);
    my $pcm = Stentor::Media::decode($l->{init_bytes}, @bodies);

    # the first frame is half its neighbour's
    substr($pcm, 0, 1600, '');
    return (rms($pcm), Stentor::Media::tone($pcm, 8000) // 0);
}


# --- levels

my %b = (bare => start('bare', 'tone'), held => start('held', 'tone'),
         none => start('none', 'left'));
my %l = map { $_ => listener($node, path => "/$_/s", edge => 1, keep => 1) }
        qw(bare held);

# those stand still while the test waits for something; these do not
my %witness = map {
    $_ => Stentor::Listener->fork_run(60, port => $node->port_http(),
                                      path => "/$_/s")
} qw(bare held);

ok($node->wait_stream('none/s', sub ($st) {
    return $st && $st->{level} && $st->{level}{rms_db}[0] > -100
           && $st->{repairs}{live_frames} > 180;
}, 8), 'four seconds of audio');

my $level = level('bare');
near($level->{rms_db}[$_], -23.01, "RMS of channel $_") for 0, 1;
near($level->{$_}, -20, $_) for qw(true_peak_db max_true_peak_db
    momentary_lufs short_term_lufs integrated_lufs);
is($level->{silent_ms}, 0, 'he is not silent');
is($level->{clipped}, 0, 'nor clipped');
is_deeply($level->{alarms}, [], 'nor anything else');

my $left = level('none');
near($left->{rms_db}[0], -23.01, 'one channel alone: its RMS');
cmp_ok($left->{rms_db}[1], '<', -60, 'the other one is dead');
near($left->{short_term_lufs}, -23, 'and loudness is less');

my ($lufs) = $node->get('/metrics')->{body}
    =~ /^stentor_stream_loudness_lufs\{stream="bare\/s"\} (-[\d.]+)$/m;
near($lufs, -20, 'loudness in the metrics');

# --- dead air

$_->play('silence') for @b{qw(bare held)};
alarm_is('bare', 'dead_air', 1, 3, 'dead air is in the status');
alarm_is('held', 'dead_air', 1, 3, 'of both');
cmp_ok(level('bare')->{silent_ms}, '>=', 2000, 'after its time');
is(metric('bare', 'dead_air'), 1, 'and in the metrics');
is($node->stream('bare/s')->{state}, 'live', 'without "hold" it is heard');
ok($node->wait_stream('held/s', sub ($st) { $st->{state} eq 'hold' }),
   'with it hold audio plays');

# a second later for sure, on the listeners' side
$l{$_}->parts(12) for qw(bare held);
my ($rms) = sound($l{bare}, 4);
cmp_ok($rms, '<', -80, 'listeners hear silence');
my $tone;
($rms, $tone) = sound($l{held}, 4);
cmp_ok($rms, '>', -60, 'or hold audio');
cmp_ok(abs($tone - 997), '>', 20, 'that is not his tone');
cmp_ok(level('held')->{rms_db}[0], '<', -80, 'while he is as silent as he was');

# --- and over

$_->play('tone') for @b{qw(bare held)};
alarm_is('bare', 'dead_air', 0, 2, 'sound for a second ends it');
alarm_is('held', 'dead_air', 0, 2, 'in both');
ok($node->wait_stream('held/s', sub ($st) { $st->{state} eq 'live' }),
   'he is live again');

for my $app (qw(bare held)) {
    $l{$app}->parts(15);
    ($rms, $tone) = sound($l{$app}, 5);
    cmp_ok(abs($tone - 997), '<', 10, "$app: he is heard");
    near($rms, -23, "$app: as loud as he is");
    my @events = map { $_->{active} ? 'on' : 'off' } told($app, 'dead_air');
    is("@events", 'on off', "$app: the operator is told once of each");
    is($node->stream("$app/s")->{repairs}{dead_airs}, 1, "$app: counted once");

    for my $what ('begins', 'is over') {
        my $n = () = $node->log()
            =~ /\[warn\].*stream "$app\/s": dead_air $what$/mg;
        is($n, 1, "$app: and logged: $what");
    }
}

is(metric('bare', 'dead_air'), 0, 'the metric says so, too');
my ($event) = told('bare', 'dead_air');
cmp_ok($event->{silent_ms}, '>=', 2000, 'for how long he was silent');
cmp_ok($event->{short_term_lufs}, '<', -20, 'and how loud it was');
is(scalar(grep { $_->{event} ne 'dead_air' && exists $_->{active} }
          map { $_->{json} } grep { $_->{json}{stream} eq 'bare/s' }
          $hook->requests()), 0, 'no other alarm');
is(join(' ', map { $_->{json}{event} }
        grep { $_->{json}{stream} eq 'held/s' } $hook->requests()),
   'opened live dead_air hold dead_air live',
   'held: in their order, the cause first');

# --- one ear, which has been dead all the while, and clipping

alarm_is('none', 'one_ear', 1, 10, 'a dead ear is noticed');
$b{none}->play('clipped');
alarm_is('none', 'one_ear', 0, 2, 'it is over when both are heard');
alarm_is('none', 'clipping', 1, 3, 'clipping is noticed');
cmp_ok(level('none')->{clipped}, '>=', 10, 'and counted');
cmp_ok(level('none')->{true_peak_db}, '>', -0.5, 'it is as loud as can be');
is(metric('none', 'clipping'), 1, 'the metric says so');
is(scalar(told('none', 'dead_air')), 0, 'nobody was silent');

my @ear = told('none', 'one_ear');
is(join(' ', map { $_->{active} ? 1 : 0 } @ear), '1 0',
   'the operator is told of the ear');
ok((told('none', 'clipping'))[0]{active}, 'and of the clipping');

# --- a soft passage is none of that: -34 dBFS

$b{bare}->play('soft');
ok($node->wait_stream('bare/s', sub ($st) {
    return abs($st->{level}{rms_db}[0] + 37) < 0.5;
}), 'a soft passage');
my $frames = $node->stream('bare/s')->{repairs}{live_frames};
$node->wait_stream('bare/s', sub ($st) {
    return $st->{repairs}{live_frames} > $frames + 120;
});
is_deeply(level('bare')->{alarms}, [], 'is no alarm');
is(level('bare')->{silent_ms}, 0, 'and no silence');

# --- one who is silent leaves, and comes back as silent as he was

sub tells($want, $what) {
    my @events;
    ok($node->wait_until(sub {
        @events = map { $_->{json} } grep { $_->{json}{stream} eq 'held/s' }
                  $hook->requests();
        splice(@events, 0, 6);
        return @events >= split(' ', $want);
    }), "$what: told");
    is(join(' ', map { exists $_->{active} && !$_->{active}
                       ? "$_->{event}-over" : $_->{event} } @events),
       $want, $what);
}

$b{held}->play('silence');
alarm_is('held', 'dead_air', 1, 3, 'silent once more');
tells('dead_air hold', 'the first of two sessions');
$b{held}->stop();
$node->wait_stream('held/s', sub ($st) { !$st->{session} });
$b{held} = start('held', 'silence');
alarm_is('held', 'dead_air', 1, 3, 'it is still dead air');
$frames = $node->stream('held/s')->{parts};
$node->wait_stream('held/s', sub ($st) { $st->{parts} > $frames + 5 });
tells('dead_air hold', 'of the second one nothing is told');
$b{held}->play('tone');
alarm_is('held', 'dead_air', 0, 2, 'until he is heard');
tells('dead_air hold dead_air-over live', 'then it is over');

# --- and one who does not come back

$b{held}->play('silence');
alarm_is('held', 'dead_air', 1, 3, 'silent for the last time');
$b{held}->stop();
tells('dead_air hold dead_air-over live dead_air hold dead_air-over closed',
      'it is over when his stream ends');
is($node->stream('held/s')->{repairs}{dead_airs}, 3, 'each was counted once');

conforms("$_: one programme", @{ $witness{$_}->join()->{violations} })
    for qw(bare held);

$_->stop() for values %b;
$node->done('TERM');
done_testing();
