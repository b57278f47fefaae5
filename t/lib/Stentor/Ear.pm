# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a stretch of sound is, as somebody who listens would tell: each 10 ms
# its level and what it is (one of the tones the ear was told, silence, another
# low chord, something else), runs of that as a timeline, markers with their
# times, dips, and clicks.
#
# ffmpeg decodes, and splits the sound in two: 8 kHz for what it is, and what
# lies above all signals used, where a click stands alone.

package Stentor::Ear;

use v5.36;

use File::Temp ();
use List::Util qw(max min sum0);
use POSIX ();

use Stentor::Node;

use constant {
    RATE => 8000,
    WINDOW => 160,                     # 20 ms, seen every 10 ms
    HOP => 80,
    STEP => 0.01,

    # Quieter than this is silence: digital zeros, coded, are; the built-in
    # hold chord (-42 dBFS) is not.
    SILENCE_DB => -60,
    FLOOR_DB => -120,

    # What one tone must have of a window's energy to give it its name.  A
    # marker beside the tone takes half.
    SHARE => 0.3,

    # Windows between two sounds that are neither: the overlap of the last
    # frame (21 ms), the silence that an encoder begins with (21 ms), and a
    # window cut by each end.
    TRANSIT => 0.081,

    # Where sounds are mixed they fade into each other for 50 ms, and windows
    # see that from afar.
    FADE => 0.1,

    # What a decoder gives first, in the middle of a programme, lacks the
    # overlap with the frame before.
    LEAD => 0.04,

    # Clicks are looked for above this, in pieces of 10 ms.
    HIGH => 5000,
    HIGH_RATE => 48000,
    PIECE => 480,                      # STEP
};

use constant TWO_PI => 2 * 3.14159265358979;

# Bursts of 100 ms with a second of their own each, eight of them in turn.
our @MARKERS = map { 1100 + 200 * $_ } 0 .. 7;
our $MARKER_AT = 0.5;                  # of each second, its middle

my @HANN = map { 0.5 - 0.5 * cos(TWO_PI * ($_ + 0.5) / WINDOW) }
           0 .. WINDOW - 1;
my $HANN_SUM = sum0(@HANN);
my $HANN_SQUARES = sum0(map { $_ * $_ } @HANN);


# new(tones => {hold => 520, live => 880}, marked => 'live').

sub new($class, %o) {
    return bless {
        tones => {}, marked => 'live',
        %o,
        windows => [], pieces => [],
    }, $class;
}


# Hears a file that begins at time t0 (seconds), after all heard before.
# Returns what was decoded: {seconds, said (ffmpeg's complaints)}.

sub hear($self, $path, $t0) {
    my $d = decode($path);
    my $lead = @{ $self->{windows} } ? 0 : LEAD / STEP;
    my $n = int(length($d->{low}) / 2 / HOP);

    # a window stands for the 10 ms in its middle
    for my $i ($lead .. $n - 2) {
        my @s = unpack('s<*', substr($d->{low}, $i * HOP * 2, WINDOW * 2));
        my $w = $self->window(\@s);

        $w->{t} = $t0 + ($i + 0.5) * STEP;
        push(@{ $self->{windows} }, $w);
    }

    for my $i ($lead .. int(length($d->{high}) / 2 / PIECE) - 1) {
        my @s = unpack('s<*', substr($d->{high}, $i * PIECE * 2, PIECE * 2));

        push(@{ $self->{pieces} },
             [ $t0 + $i * STEP, max(1, max(@s), -min(@s)) ]);
    }

    return { seconds => length($d->{low}) / 2 / RATE, said => $d->{said} };
}


# A file to 16-bit mono, the mean of its channels: low (8 kHz), high (48 kHz,
# only what is above HIGH).

sub decode($path) {
    my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
    my $high = join(',', ('highpass=f=' . HIGH) x 6);
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDERR, '>', "$dir/said");
        exec('ffmpeg', '-nostdin', '-hide_banner', '-nostats',
             '-loglevel', 'warning', '-i', $path, '-filter_complex',
             '[0:a]aresample=out_chlayout=mono:rematrix_maxval=1,'
             . 'asplit[a][b];[a]aresample=' . RATE . '[low];'
             . '[b]aresample=' . HIGH_RATE . ",$high\[high]",
             '-map', '[low]', '-f', 's16le', "$dir/low",
             '-map', '[high]', '-f', 's16le', "$dir/high")
            or POSIX::_exit(127);
    }

    waitpid($pid, 0);
    my $said = Stentor::Node::slurp("$dir/said") // '';
    $said .= "ffmpeg ends with $?\n" if $?;

    return {
        low => Stentor::Node::slurp("$dir/low") // '',
        high => Stentor::Node::slurp("$dir/high") // '',
        said => $said,
    };
}


# --- one window

sub window($self, $s) {
    my $power = sum0(map { $_ * $_ } @$s) / @$s;
    my %w = (power => $power, what => 'silence');

    return \%w if db($power) < SILENCE_DB;

    my @s = map { $s->[$_] * $HANN[$_] } 0 .. $#$s;
    my $energy = sum0(map { $_ * $_ } @s);
    my ($what, $most) = ('other', SHARE);

    for my $name (keys %{ $self->{tones} }) {
        my $share = share(\@s, $energy, $self->{tones}{$name});
        ($what, $most) = ($name, $share) if $share > $most;
    }

    $what = 'chord' if $what eq 'other' && low(\@s, $energy) > 0.7;
    $w{what} = $what;
    $w{marker} = marker(\@s, $energy)
        if $what eq $self->{marked} && $most < 0.9;

    return \%w;
}


# What a tone has of a window's energy: 1 when there is nothing else.

sub share($s, $energy, $hz) {
    return 2 * goertzel($s, $hz) * $HANN_SQUARES
           / ($HANN_SUM * $HANN_SUM * $energy);
}


# What lies between 50 and 450 Hz has of it: hold audio that is no tone.

sub low($s, $energy) {
    my $sum = sum0(map { goertzel($s, 50 * $_) } 1 .. 9);
    return 2 * $sum / (@$s * $energy);
}


# The strongest marker in a window: [its number, its energy], or undef.

sub marker($s, $energy) {
    my ($best, $most) = (undef, 0.05);

    for my $k (0 .. $#MARKERS) {
        my $share = share($s, $energy, $MARKERS[$k]);
        ($best, $most) = ($k, $share) if $share > $most;
    }

    return defined $best ? [ $best, $most * $energy ] : undef;
}


sub goertzel($s, $hz) {
    my $c = 2 * cos(TWO_PI * $hz / RATE);
    my ($a, $b) = (0, 0);

    ($a, $b) = ($_ + $c * $a - $b, $a) for @$s;

    return $a * $a + $b * $b - $c * $a * $b;
}


# Mean square of 16-bit samples to dBFS (of a full-scale square wave).

sub db($power) {
    return FLOOR_DB if $power <= 0;
    my $db = 10 * log($power / 32768 ** 2) / log(10);
    return $db > FLOOR_DB ? $db : FLOOR_DB;
}


# --- all that was heard

# The timeline: runs {what, from, to, level (dBFS), transit (seconds of it
# that are neither what was before nor this)}.  What is too short to be heard
# as a thing of its own counts as transit only between two different things:
# a drop-out in the middle of something is a run.

sub runs($self) {
    my @out;
    my $transit = 0;
    my @raw = $self->raw_runs();

    for my $i (0 .. $#raw) {
        my $run = $raw[$i];

        if (@out && $run->{to} - $run->{from} <= TRANSIT - $transit
            && between($out[-1], $run, @raw[$i + 1 .. $#raw]))
        {
            $transit += $run->{to} - $run->{from};
            next;
        }

        if (@out && $out[-1]{what} eq $run->{what} && !$transit) {
            $out[-1]{to} = $run->{to};
            $out[-1]{power} += $run->{power};
            next;
        }

        push(@out, { %$run, from => $run->{from} - $transit,
                     transit => $transit });
        $transit = 0;
    }

    for my $run (@out) {
        my $n = ($run->{to} - $run->{from} - $run->{transit}) / STEP;
        $run->{level} = db($run->{power} / max($n, 1));
    }

    return @out;
}


# Whether a short run lies between a former thing and the next long one, and
# those are different.

sub between($former, $run, @rest) {
    my ($next) = grep { $_->{to} - $_->{from} > TRANSIT } @rest;

    return $next && $next->{what} ne $former->{what}
           && $next->{what} ne $run->{what}
           && $former->{what} ne $run->{what};
}


sub raw_runs($self) {
    my @out;

    for my $w (@{ $self->{windows} }) {
        my $last = $out[-1];
        my $gap = $last ? abs($w->{t} - $last->{to}) : 0;

        if ($last && $last->{what} eq $w->{what} && $gap < STEP) {
            $last->{to} = $w->{t} + STEP;
            $last->{power} += $w->{power};
            next;
        }

        push(@out, { what => $w->{what}, from => $w->{t},
                     to => $w->{t} + STEP, power => $w->{power} });
    }

    return @out;
}


# The order of the tones in raw sound (signed 16 bits, mono, at this ear's
# rate) that a player wrote: each that lasted for a while.  Pauses are the
# player's own, and tones between them are one.

sub order($class, $pcm, $tones) {
    my $ear = $class->new(tones => $tones, marked => 'none');

    for my $i (0 .. int(length($pcm) / 2 / HOP) - 2) {
        my @s = unpack('s<*', substr($pcm, $i * HOP * 2, WINDOW * 2));
        push(@{ $ear->{windows} }, { t => $i * STEP,
                                     %{ $ear->window(\@s) } });
    }

    return join(' ', map { $_->{what} }
                grep { $_->{to} - $_->{from} > 0.3 && $tones->{ $_->{what} } }
                $ear->runs()) =~ s/\b(\w+)(?: \1)+/$1/gr;
}


# The longest silence, transits included: {from, seconds}.

sub longest_silence($self) {
    my $most = { from => 0, seconds => 0 };

    for my $run (grep { $_->{what} eq 'silence' } $self->raw_runs()) {
        my $n = $run->{to} - $run->{from};
        $most = { from => $run->{from}, seconds => $n }
            if $n > $most->{seconds};
    }

    return $most;
}


# Markers heard, in order: {t, k}.  A marker lasts several windows; its time
# is where its energy has its middle.

sub markers($self) {
    my @out;

    for my $w (grep { $_->{marker} } @{ $self->{windows} }) {
        my ($k, $energy) = @{ $w->{marker} };
        my $t = $w->{t} + STEP / 2;
        my $last = $out[-1];

        if ($last && $last->{k} == $k && $t - $last->{end} < 2.5 * STEP) {
            $last->{end} = $t;
            $last->{sum} += $energy;
            $last->{moment} += $energy * ($t - $last->{first});
            next;
        }

        push(@out, { k => $k, first => $t, end => $t, sum => $energy,
                     moment => 0 });
    }

    return map { { k => $_->{k}, t => $_->{first} + $_->{moment} / $_->{sum} }
               } @out;
}


# The deepest dip inside of runs of some tone, whose ends may be faded: {t, db
# (below the level of its run)}.  A frame that is missing and faded over is
# heard as one.

sub dip($self, $what) {
    my @runs = grep { $_->{what} eq $what } $self->runs();
    my $most = { t => 0, db => 0 };

    for my $w (grep { $_->{what} eq $what } @{ $self->{windows} }) {
        shift(@runs) while @runs && $runs[0]{to} < $w->{t} + STEP + FADE;
        last if !@runs;
        next if $w->{t} < $runs[0]{from} + $runs[0]{transit} + FADE;

        my $db = $runs[0]{level} - db($w->{power});
        $most = { t => $w->{t}, db => $db } if $db > $most->{db};
    }

    return $most;
}


# Clicks: pieces whose peak above HIGH stands out of its neighbours of half a
# second by ratio and is at least db (dBFS); {t, db, over (dB)}, one for all
# pieces that touch.

sub clicks($self, $db = -60, $ratio = 20) {
    my $p = $self->{pieces};
    my @out;

    for my $i (0 .. $#$p) {
        my $peak = peak_db($p->[$i][1]);
        next if $peak < $db;

        my $over = $peak - peak_db($self->around($i));
        next if $over < $ratio;

        my $last = $out[-1];
        my $t = $p->[$i][0];

        if ($last && $t - $last->{end} < 2.5 * STEP) {
            @$last{qw(t db over)} = ($t, $peak, $over) if $peak > $last->{db};
            $last->{end} = $t;
            next;
        }

        push(@out, { t => $t, end => $t, db => $peak, over => $over });
    }

    return @out;
}


# The median peak of the half second on each side of a piece.

sub around($self, $i) {
    my $p = $self->{pieces};
    my $n = int(0.5 / STEP);
    my @near = sort { $a <=> $b } map { $_->[1] }
               @$p[max(0, $i - $n) .. min($#$p, $i + $n)];

    return $near[@near / 2];
}


sub peak_db($peak) {
    return 20 * log($peak / 32768) / log(10);
}


1;
