#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The ear and the verdict: sound made here, first as it should be and then
# broken in one place each.  A gap, a click, a repeat that nobody finds would
# make any evening a good one.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();

use Stentor::Kit;
use Stentor::Evening;
use Stentor::Verdict;


need('ffmpeg');

my $RATE = 48000;
my $TWO_PI = 2 * 3.14159265358979;
my $T0 = 1000;
my $dir = File::Temp->newdir();


# --- sound: lists of samples, -1 to 1

sub tone($hz, $seconds, $level = 0.2) {
    return map { $level * sin($TWO_PI * $hz * $_ / $RATE) }
           0 .. $RATE * $seconds - 1;
}


# What a broadcaster says, as Stentor::Evening makes it.

sub speech($seconds) {
    my @s = tone(Stentor::Evening::LIVE_HZ(), $seconds);

    for my $n (0 .. $seconds - 1) {
        my $hz = $Stentor::Ear::MARKERS[$n % @Stentor::Ear::MARKERS];
        my $at = ($n + $Stentor::Ear::MARKER_AT - 0.05) * $RATE;

        for my $i (0 .. 0.1 * $RATE) {
            $s[$at + $i] += 0.1 * (1 - cos($TWO_PI * 10 * $i / $RATE))
                            * sin($TWO_PI * $hz * ($at + $i) / $RATE);
        }
    }

    return @s;
}


# One after the other, faded over 1024 samples as frames of AAC overlap.

sub join_sounds(@sounds) {
    my @out = @{ shift(@sounds) };
    my $n = 1024;

    for my $s (@sounds) {
        for my $i (0 .. $n - 1) {
            my $x = ($i + 0.5) / $n;
            $out[$i - $n] = $out[$i - $n] * (1 - $x) + $s->[$i] * $x;
        }

        push(@out, @$s[$n .. $#$s]);
    }

    return @out;
}


sub wav(@s) {
    my $path = "$dir/sound.wav";
    my $pcm = pack('s<*', map { int(32767 * $_) } @s);

    Stentor::Node::spew($path, 'RIFF' . pack('V', 36 + length($pcm))
        . 'WAVEfmt ' . pack('V v v V V v v', 16, 1, 1, $RATE, 2 * $RATE, 2, 16)
        . 'data' . pack('V', length($pcm)) . $pcm);

    return $path;
}


sub ear($path) {
    my $ear = Stentor::Ear->new(tones => {
        hold => Stentor::Evening::HOLD_HZ(),
        live => Stentor::Evening::LIVE_HZ(),
    });

    $ear->{d} = $ear->hear($path, $T0);
    return $ear;
}


sub order_of($ear) { return join(' ', map { $_->{what} } $ear->runs()) }


# --- a good evening: 3 s of hold audio, 8 s of speech, 2 s of hold audio

my @hold = tone(Stentor::Evening::HOLD_HZ(), 3, 0.18);
my @live = speech(8);
my @after = tone(Stentor::Evening::HOLD_HZ(), 2, 0.18);
my @good = join_sounds(\@hold, \@live, \@after);
my $LIVE = @hold - 1024;               # where speech begins


# What the verdict says of a sound, when hold, live, hold was to be heard:
# names of the checks that fail.

sub failing($ear, %o) {
    my $at = $T0 + $LIVE / $RATE;
    my $e = bless {
        slow => [], t0 => $T0, knows => { dead_air => 1, hold => 1 }, dead => 0,
        sessions => [ { t => $at, seconds => 8 } ], faults => [],
        expected => [
            { what => 'hold' },
            { what => 'live', why => 'begins', at => $at, early => 0.05,
              late => 0.05 },
            { what => 'hold', why => 'ends', at => $at + 8, early => 0.05,
              late => 0.05 },
        ],
    }, 'Stentor::Evening';

    my $v = bless { e => $e, players => [ { name => 'x' } ],
                    ears => [ $ear ], runs => [ $ear->runs() ],
                    checks => [] }, 'Stentor::Verdict';

    $v->judge_order();
    $v->judge_sound();
    $v->judge_markers();

    return map { "$_->{name}: $_->{figure}" }
           grep { !$_->{ok} } @{ $v->{checks} };
}


my $ear = ear(wav(@good));
my @runs = $ear->runs();

is(order_of($ear), 'hold live hold', 'a clean evening: what was heard');
cmp_ok(abs($runs[1]{from} - $T0 - $LIVE / $RATE), '<', 0.03, 'when');
cmp_ok(abs($runs[0]{level} + 17.9), '<', 0.1, 'how loud');
cmp_ok(abs($ear->{d}{seconds} - @good / $RATE), '<', 0.001,
       'all of it is decoded');
is($ear->longest_silence()->{seconds}, 0, 'no silence');
is(scalar($ear->clicks()), 0, 'no click');
is(scalar($ear->markers()), 8, 'every marker');
is(join(' ', map { $_->{k} } $ear->markers()), '0 1 2 3 4 5 6 7',
   'in their order');
cmp_ok(abs(($ear->markers())[3]{t} - $T0 - $LIVE / $RATE - 3.5), '<', 0.004,
       'at their time');
conforms('nothing to say against it', failing($ear));


# --- broken in one place each

# Changes a copy of the good sound with the callback, and wants a check that
# matches to fail.

sub broken($what, $like, $change) {
    my @s = @good;
    $change->(\@s);

    my @bad = failing(ear(wav(@s)));
    ok(scalar(grep { $_ =~ $like } @bad), $what)
        or diag(join("\n", 'failing:', @bad));
}


# n seconds into the speech, off the beat of windows and frames.

sub at($seconds) { return $LIVE + int($seconds * $RATE) + 217 }


# Silences samples, faded over as many on each side.

sub silence($s, $at, $n, $fade) {
    for my $i (-$fade .. $n + $fade - 1) {
        my $x = $i < 0 ? -$i / $fade : $i >= $n ? ($i - $n) / $fade : 0;
        $s->[$at + $i] *= $x;
    }
}


broken('a gap of 300 ms', qr/order.*silence/, sub ($s) {
    silence($s, at(3), 0.3 * $RATE, 480);
});
broken('a gap of 50 ms', qr/order.*live other live/, sub ($s) {
    silence($s, at(3), 0.05 * $RATE, 480);
});
broken('a frame of silence, faded as frames are', qr/dip in live/, sub ($s) {
    silence($s, at(3), 0, 1024);
});
broken('the same in hold audio', qr/dip in hold/, sub ($s) {
    silence($s, $RATE + 333, 0, 1024);
});
broken('a gap of 5 ms, cut', qr/click/, sub ($s) {
    silence($s, at(3), 240, 1);
});
broken('a silence that is longer than it may be', qr/longest silence/,
       sub ($s) { silence($s, at(2), 2.2 * $RATE, 480) });
broken('silence at -70 dBFS', qr/longest silence/, sub ($s) {
    $s->[$_] *= 0.002 for at(2) .. at(4.3);
});
broken('one sample', qr/click/, sub ($s) { $s->[at(3)] += 0.2 });
broken('a step', qr/click/, sub ($s) {
    $s->[$_] += 0.2 for at(3) .. at(3.1);
});
broken('a cut without overlap', qr/click/, sub ($s) {
    splice(@$s, $LIVE, 0, (0) x 511);
});
broken('a frame repeated', qr/out of place/, sub ($s) {
    splice(@$s, at(3), 0, @$s[at(3) - 1024 .. at(3) - 1]);
});
broken('a frame lost', qr/out of place/, sub ($s) {
    splice(@$s, at(3), 1024);
});
broken('half a second repeated', qr/markers/, sub ($s) {
    splice(@$s, at(3.25), 0, @$s[at(2.75) .. at(3.25) - 1]);
});
broken('a second lost', qr/markers/, sub ($s) {
    splice(@$s, at(3), $RATE);
});
broken('a turn of all markers repeated', qr/markers|ends/, sub ($s) {
    splice(@$s, at(8) - 2048, 0, @$s[at(0) .. at(8) - 2049]);
});
broken('a marker missing', qr/markers heard.*7 of 8/, sub ($s) {
    my @plain = tone(Stentor::Evening::LIVE_HZ(), 8);
    @$s[$LIVE + 3.4 * $RATE .. $LIVE + 3.6 * $RATE]
        = @plain[3.4 * $RATE .. 3.6 * $RATE];
});
broken('the first words missing', qr/first words/, sub ($s) {
    splice(@$s, $LIVE, 2.2 * $RATE, tone(Stentor::Evening::HOLD_HZ(), 2.2));
});
broken('hold audio in the middle', qr/order/, sub ($s) {
    my @h = tone(Stentor::Evening::HOLD_HZ(), 0.2);
    @$s[at(3) .. at(3) + $#h] = @h;
});
broken('no hold audio at the end', qr/order/, sub ($s) {
    splice(@$s, @hold + @live - 2 * 1024);
});
broken('hold audio that is too loud', qr/louder.*\+3/, sub ($s) {
    $_ *= 1.45 for @$s[0 .. $LIVE];
});
broken('something else', qr/order.*other/, sub ($s) {
    my @x = tone(3100, 0.5);
    @$s[at(3) .. at(3) + $#x] = @x;
});
broken('live too late', qr/begins/, sub ($s) {
    splice(@$s, 0, 0, tone(Stentor::Evening::HOLD_HZ(), 0.4, 0.18));
});


# --- what is no fault

# An encoder begins with a frame of silence.

my @primed = join_sounds(\@hold, [ (0) x 2048, @live ], \@after);
$ear = ear(wav(@primed));
is(order_of($ear), 'hold live hold', 'a short silence between two is transit');
cmp_ok(abs(($ear->runs())[1]{transit} - 0.03), '<', 0.025, 'told as such');

$ear = ear(wav(join_sounds([ (0) x $RATE ], \@live)));
is(order_of($ear), 'silence live', 'a long one is not');

my @chord = (0) x (2 * $RATE);
for my $hz (110, 164.8, 220, 277.2, 329.6) {
    my @t = tone($hz, 2, 0.006);
    $chord[$_] += $t[$_] for 0 .. $#chord;
}
$ear = ear(wav(join_sounds(\@chord, \@live)));
is(order_of($ear), 'chord live', 'the built-in chord is known');

$ear = ear(wav(map { 0.02 * (rand(2) - 1) } 1 .. $RATE));
is(order_of($ear), 'other', 'noise is neither silence nor a tone');


# --- as AAC, frame by frame: overlaps leave no click, markers tell

my $speech = Stentor::Evening::speech(before => 26);
my @adts = adts($speech->{file});
my $path = "$dir/sound.aac";


# Whole ADTS frames.

sub adts($file) {
    my $bytes = Stentor::Node::slurp($file);
    my @out;

    while (length($bytes)) {
        my @b = unpack('C6', $bytes);
        push(@out, substr($bytes, 0, ($b[3] & 3) << 11 | $b[4] << 3
                                     | $b[5] >> 5, ''));
    }

    return @out;
}


# How far markers are apart from whole seconds, and the clicks' number.

sub coded(@frames) {
    Stentor::Node::spew($path, join('', @frames));
    my $ear = ear($path);
    my @zero = sort { $a <=> $b } map { $_->{t} - int($_->{t}) }
               $ear->markers();

    return ($zero[-1] - $zero[0], scalar($ear->clicks()));
}


my ($apart, $clicks) = coded(@adts[1 .. 500]);
cmp_ok($apart, '<', 0.001, 'coded: markers are in place to a millisecond');
is($clicks, 0, 'coded: no click');

($apart) = coded(@adts[1 .. 250], $adts[250], @adts[251 .. 500]);
cmp_ok(abs($apart - 0.0213), '<', 0.003, 'coded: a frame twice is found');

($apart) = coded(@adts[1 .. 250], @adts[252 .. 500]);
cmp_ok(abs($apart - 0.0213), '<', 0.003, 'coded: a frame lost is found');

($apart, $clicks) = coded(@adts[1 .. 250], @adts[287 .. 500]);
is($clicks, 0, 'coded: a splice of frames is no click');

done_testing();
