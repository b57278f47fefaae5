# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What is to be said of an evening: what was heard beside what was done, and
# one check for each promise, with its figure and its limit.  Figures of wall
# time are witnesses only: their limits grow with what the machine was slower
# than alone; what must be exact is checked in the media's own time.

package Stentor::Verdict;

use v5.36;

use List::Util qw(max min sum0);
use POSIX ();

use Stentor::Ear;
use Stentor::Evening;

use constant {
    # silence beside what dead air allows
    SILENCE => 2,

    # Frames that are spliced overlap by 1024 samples: above 5 kHz that leaves
    # nothing in a running tone, and -50 dBFS where a tone begins.  A cut
    # without an overlap, which is what must not be, leaves more than -30.
    CLICK_DB => -40,

    PAUSE => 0.3,

    # A window that is quieter than its run: the tone is steady to 0.3 dB, hold
    # audio swells by 1; where a frame is lost it is 2, and a silent one shows
    # as 6 or more.  At a low bit rate the coder itself wavers by 4, beside
    # the markers.
    DIP_LIVE => 1.5,
    DIP_HOLD => 3,
    DIP_COARSE => 5,
    COARSE => 80000,

    # what is spliced or coded again is as loud as it was; hold audio swells
    LEVEL => 1.5,

    # a frame lost or repeated moves what follows by 21 ms
    MARKER => 0.010,

    # what the start of a stream in another worker costs of CPU: its encoders
    # and hold audio
    START_CPU => 0.5,

    # Of a session's first words: that worker plays on until they are ready.
    FIRST_WORDS => 0.5,

    # between renditions
    PHASE => 0.010,

    # hold audio is made again for a stream, a format, another worker; until
    # it is there, the built-in chord sounds: half a second of CPU
    CHORD => 3,

    # most of it making hold audio
    OPENING => 5,

    # a stream of a dead worker goes on within this
    ADOPTION => 2,

    DECODED => 0.05,
};


# new(evening => Stentor::Evening): collects the reports and hears them.

sub new($class, %o) {
    my $e = $o{evening};
    my ($players, $witnesses) = $e->reports();

    my $self = bless {
        e => $e, players => $players, witnesses => $witnesses, checks => [],
        ears => [],
    }, $class;

    $self->hear($_) for @$players;
    $self->{slow} = $e->slowness();
    $self->{runs} = [ $self->{ears}[0] ? $self->{ears}[0]->runs() : () ];

    return $self;
}


sub hear($self, $player) {
    my $ear = Stentor::Ear->new(tones => {
        hold => Stentor::Evening::HOLD_HZ(),
        live => Stentor::Evening::LIVE_HZ(),
    });

    my @parts = @{ $player->{parts} // [] };
    my $seconds = sum0(map { $_->{samples} / $_->{rate} } @parts);
    $player->{bitrate} = 8 * sum0(map { $_->{bytes} } @parts) / $seconds
        if $seconds;

    for my $file (grep { $_->{samples} } @{ $player->{files} // [] }) {
        my $d = $ear->hear($file->{path}, $file->{from});
        my $want = $file->{samples} / $file->{rate};

        $player->{decoded} += $d->{seconds};
        $player->{undecoded} += abs($d->{seconds} - $want);
        $player->{complaints} .= $d->{said};
    }

    push(@{ $self->{ears} }, $ear);
}


# --- checks

sub check($self, $name, $ok, $figure, $limit = '') {
    push(@{ $self->{checks} }, { name => $name, ok => $ok ? 1 : 0,
                                 figure => "$figure", limit => "$limit" });
}


# Seconds of something that costs CPU and went on between two times.

sub check_cpu($self, $name, $seconds, $limit, @times) {
    $limit *= $self->{e}->slowness(@times);
    $self->check($name, defined $seconds && $seconds <= $limit,
                 sprintf('%.3f', $seconds // 0), sprintf('%.1f', $limit));
}


# All of them; true when nothing is wrong.

sub judge($self) {
    $self->check('listeners', @{ $self->{players} } > 0,
                 scalar(@{ $self->{players} }), 'one a rendition');
    $self->judge_doors();
    $self->judge_player($_) for @{ $self->{players} };
    $self->judge_contents();
    $self->judge_kills();
    $self->judge_order();
    $self->judge_sound();
    $self->judge_markers();
    $self->judge_phase();
    $self->judge_discontinuities();
    $self->judge_end();

    my @faults = @{ $self->{e}{faults} };
    $self->check('nothing else went wrong', !@faults, scalar(@faults), 0);

    return !grep { !$_->{ok} } @{ $self->{checks} };
}


# The API may wait for hold audio, and the first playlist for its window.

sub judge_doors($self) {
    my $e = $self->{e};

    my @times = ($e->{t0}, $e->{joined} // 'inf');

    $self->check_cpu('opened after, s', $e->{opened}, OPENING, @times)
        if $e->{opened};
    $self->check_cpu('the first playlist after, s', $e->{first_s}, OPENING,
                     @times);
}


# What the start of a stream in another worker takes longer today.

sub slower($self, @times) {
    return START_CPU * ($self->{e}->slowness(@times) - 1);
}


sub judge_player($self, $p) {
    my $kills = @{ $self->{e}{kills} };
    my $who = $p->{name};
    my $off = abs(($p->{extinf} // 0) - ($p->{media} // 0));
    my $segments = $p->{segments} // 0;

    $self->check("$who: rules kept, of playlists and of media", !$p->{bad},
                 "$p->{bad} broken in " . ($p->{versions} // 0)
                 . ' playlists and ' . @{ $p->{parts} // [] } . ' parts', 0);
    $self->check("$who: answers that were errors", !$p->{errors},
                 $p->{errors} // 'none', 0);

    my $again = @{ $p->{reconnects} // [] };
    $self->check("$who: connections made again", $kills || !$again, $again,
                 $kills ? 'as workers die' : 0);

    $self->judge_late($p);
    $self->check("$who: sum of EXTINF - media, us",
                 $segments && $off <= $segments * 5e-6 + 1e-9,
                 sprintf('%.1f in %d segments', $off * 1e6, $segments),
                 '5 a segment');

    $self->check("$who: what is decoded - media, s",
                 ($p->{undecoded} // 1) <= DECODED && !$p->{complaints},
                 sprintf('%.3f of %.3f%s', $p->{undecoded} // 0,
                         $p->{decoded} // 0,
                         $p->{complaints} ? ", ffmpeg: $p->{complaints}"
                                          : ''), DECODED);
}


sub judge_late($self, $p) {
    my $back = $p->{hold_back} // 0;
    my @late = sort { $a->[0] <=> $b->[0] } late($p);
    my @bad = grep { $_->[0] > $back
                     && $_->[0] > $back + $self->slower(@$_[1, 2]) } @late;
    my $worst = $bad[-1] // $late[-1];

    $self->check("$p->{name}: the latest part, s after its date",
                 @late && !@bad,
                 $worst ? sprintf('%.3f (median %.3f)', $worst->[0],
                                  $late[@late / 2][0]) : 'no part',
                 sprintf('PART-HOLD-BACK %.3f + %.3f', $back,
                         $worst ? $self->slower(@$worst[1, 2]) : 0));
}


# How late each part came: its beginning is needed that long after its date by
# who plays at PART-HOLD-BACK.  What the first playlist listed is history.
# [seconds, its date, when it came].

sub late($p) {
    return map { [ $_->{arrived} - $_->{date}, $_->{date}, $_->{arrived} ] }
           grep { !$_->{first} } @{ $p->{parts} // [] };
}


# One URL, one content, whoever asked and whenever.

sub judge_contents($self) {
    my (%sha, %by, %differs);

    for my $r (@{ $self->{players} }, @{ $self->{witnesses} }) {
        my $rendition = $r->{name} =~ s/-witness$//r;

        for my $uri (keys %{ $r->{urls} // {} }) {
            my $was = $sha{$uri} //= $r->{urls}{$uri};
            $differs{$uri} = 1 if $was ne $r->{urls}{$uri};
            $by{$uri}++;
        }
    }

    my $twice = grep { $_ > 1 } values %by;
    my @bad = sort keys %differs;

    $self->check('contents of a URL', !@bad && $twice,
                 @bad . ' differ, of ' . keys(%by) . ", $twice compared"
                 . (@bad ? ": @bad[0 .. min($#bad, 3)]" : ''), 0);

    for my $w (@{ $self->{witnesses} }) {
        $self->check("$w->{name}: rules kept, answers 200",
                     !$w->{bad} && ($w->{asked_twice} // 0) > 0,
                     "$w->{bad} broken, $w->{asked} asked, "
                     . ($w->{asked_twice} // 0) . ' twice', 0);
    }
}


# After each kill a part with sound of after it comes soon.

sub judge_kills($self) {
    for my $kill (@{ $self->{e}{kills} }) {
        for my $p (@{ $self->{players} }) {
            my ($next) = grep { $_->{end} > $kill->{t} } @{ $p->{parts} };
            my $limit = ADOPTION + ($p->{target} // 1)
                        + $self->slower($kill->{t}, $kill->{t} + 4);
            my $took = $next ? $next->{arrived} - $kill->{t} : undef;

            $kill->{$p->{name}} = $took;
            $self->check("$p->{name}: goes on after worker $kill->{pid}, s",
                         defined $took && $took <= $limit,
                         defined $took ? sprintf('%.3f', $took) : 'never',
                         sprintf('%.3f', $limit));
        }
    }
}


# --- what was heard, in which order and when

# The built-in chord is hold audio, too.

sub is($run) { return $run->{what} eq 'chord' ? 'hold' : $run->{what} }


# Runs as they are expected: two of a kind are one.  Sound is heard a little
# after it was measured, so that the end of a silence may come after the hold
# audio that had covered it.

sub merged($self) {
    my @out;

    for my $run (@{ $self->{runs} }) {
        my $last = $out[-1];

        next if $last && is($run) eq 'silence' && is($last) eq 'hold'
                && $run->{to} - $run->{from} < PAUSE;

        if ($last && is($last) eq is($run)) {
            $last->{to} = $run->{to};
            next;
        }

        push(@out, { %$run, what => is($run) });
    }

    return @out;
}


sub judge_order($self) {
    my @heard = $self->merged();
    my @expected = @{ $self->{e}{expected} };
    my $heard = join(' ', map { $_->{what} } @heard);
    my $want = join(' ', map { $_->{what} } @expected);

    $self->check('order of what was heard', $heard eq $want, $heard, $want);
    return if $heard ne $want;

    for my $i (1 .. $#expected) {
        my $x = $expected[$i];
        my $d = $heard[$i]{from} - $x->{at};

        $x->{heard} = $heard[$i]{from};
        my $late = $x->{late} * $self->{e}->slowness($x->{at} - 1,
                                                     $x->{at} + 5);
        $self->check("heard: $x->{why}, s after",
                     $d >= -$x->{early} && $d <= $late, sprintf('%.3f', $d),
                     sprintf('%.1f to %.1f', -$x->{early}, $late));
    }
}


sub judge_sound($self) {
    my $e = $self->{e};
    my $ear = $self->{ears}[0] // return;
    my $silence = $ear->longest_silence();
    my $limit = SILENCE + ($e->{knows}{dead_air} ? $e->{dead}
                           : max(0, map { $_->{silence} }
                                    @{ $e->{sessions} }));

    $self->{silence} = $silence;
    $self->check('the longest silence, s', $silence->{seconds} < $limit,
                 sprintf('%.2f at %.1f', $silence->{seconds},
                         $silence->{seconds}
                         ? $silence->{from} - $e->{t0} : 0), $limit);

    for my $i (0 .. $#{ $self->{ears} }) {
        my @clicks = $self->{ears}[$i]->clicks();
        my $most = max(Stentor::Ear::FLOOR_DB, map { $_->{db} } @clicks);

        $self->{clicks} = \@clicks if $i == 0;
        $self->judge_level($self->{players}[$i]{name}, $self->{ears}[$i]);
        $self->judge_dips($self->{players}[$i], $self->{ears}[$i]);
        $self->check("$self->{players}[$i]{name}: the loudest click, dBFS",
                     $most < CLICK_DB,
                     @clicks ? sprintf('%.1f, of %d', $most, scalar(@clicks))
                             : 'none', CLICK_DB);
    }

    return if !$e->{knows}{hold};

    # the window of a stream is dated back: that was before anybody listened
    for my $run (grep { $_->{what} eq 'chord' } @{ $self->{runs} }) {
        my $from = max($run->{from}, $e->{joined} // 0);
        $self->check_cpu('the built-in chord instead of the hold file, s',
                         $run->{to} - $from, CHORD, $from, $run->{to})
            if $run->{to} > $from;
    }
}


sub judge_level($self, $name, $ear) {
    my %level = (live => Stentor::Evening::LIVE_DB(),
                 hold => Stentor::Evening::HOLD_DB());
    my @off = sort { abs($b) <=> abs($a) } map {
        my $level = $level{ $_->{what} };
        defined $level && $_->{to} - $_->{from} > 1
            ? $_->{level} - $level : ();
    } $ear->runs();

    $self->check("$name: louder or softer than it was, dB",
                 @off && abs($off[0]) <= LEVEL,
                 @off ? sprintf('%+.2f', $off[0]) : 'nothing', LEVEL);
}


sub judge_dips($self, $p, $ear) {
    my $coarse = ($p->{bitrate} // COARSE) < COARSE;
    my %limit = (live => $coarse ? DIP_COARSE : DIP_LIVE,
                 hold => $coarse ? DIP_COARSE : DIP_HOLD);

    for my $what (sort keys %limit) {
        my $dip = $ear->dip($what);
        $self->check("$p->{name}: the deepest dip in $what, dB",
                     $dip->{db} <= $limit{$what},
                     sprintf('%.2f at %.2f', $dip->{db}, $dip->{db}
                             ? $dip->{t} - $self->{e}{t0} : 0),
                     $limit{$what});
    }
}


# Each marker of a session, where it was heard, has its place: one lost or
# repeated frame would move the rest.

sub judge_markers($self) {
    my @sessions = @{ $self->{e}{sessions} };

    for my $n (0 .. $#{ $self->{ears} }) {
        my $ear = $self->{ears}[$n];
        my @markers = $ear->markers();
        my @live = grep { $_->{what} eq 'live' } $ear->runs();

        for my $i (0 .. $#sessions) {
            my $s = $sessions[$i];
            my $until = $i < $#sessions ? $sessions[$i + 1]{t} : 'inf';
            my @runs = grep { $_->{from} >= $s->{t} && $_->{from} < $until }
                       @live;

            $self->judge_session("$self->{players}[$n]{name}: session "
                                 . ($i + 1), $s, \@runs, \@markers);
        }
    }
}


sub judge_session($self, $name, $s, $runs, $markers) {
    my @heard = grep { inside($_->{t}, $runs) } @$markers;
    my $at = $Stentor::Ear::MARKER_AT;
    my $turn = @Stentor::Ear::MARKERS;

    # when second 0 was heard, by each of them: after it began, if the
    # markers' turn says more than one thing
    my @zero = sort { $a <=> $b } map {
        my $zero = $_->{t} - $s->{t} - $_->{k} - $at;
        $zero - $turn * POSIX::floor(($zero + 1) / $turn);
    } @heard;

    my $zero = $zero[@zero / 2];
    my $apart = @zero ? $zero[-1] - $zero[0] : 0;
    my @want = defined $zero ? wanted($s, $zero, $runs) : ();

    $self->check("$name: markers heard, and how far out of place, s",
                 @heard && $apart <= MARKER && @heard == @want,
                 sprintf('%d of %d, %.4f', scalar(@heard), scalar(@want),
                         $apart), MARKER);

    my $lost = defined $zero && @$runs
               ? $runs->[0]{from} + $runs->[0]{transit} - $s->{t} - $zero
               : undef;
    $self->check_cpu("$name: lost of the first words, s", $lost,
                     FIRST_WORDS, $s->{t}, $s->{t} + 5);
}


# Seconds of a session whose markers lie inside of what was heard of it.

sub wanted($s, $zero, $runs) {
    my $at = $Stentor::Ear::MARKER_AT;

    return grep { inside($s->{t} + $zero + $_ + $at, $runs) }
           0 .. $s->{seconds} - 1;
}


# Whether a marker lies whole inside one of these runs.

sub inside($t, $runs) {
    return scalar(grep { $t > $_->{from} + $_->{transit} + 0.06
                         && $t < $_->{to} - 0.06 } @$runs);
}


# All renditions have a sound at the same time.

sub judge_phase($self) {
    my ($first, @others) = @{ $self->{ears} };
    return if !@others;

    $self->judge_alignment($_) for 1 .. $#{ $self->{players} };

    my @markers = $first->markers();

    for my $i (0 .. $#others) {
        my @d = map { nearest($_, \@markers) } $others[$i]->markers();
        my $most = max(0, @d);

        $self->check("$self->{players}[$i + 1]{name}: out of phase with "
                     . "$self->{players}[0]{name}, s", @d && $most <= PHASE,
                     sprintf('%.4f', $most), PHASE);
    }
}


# How far the same marker is away in others; those cut by a splice are heard
# in some renditions only.

sub nearest($marker, $others) {
    my $d = min(map { abs($_->{t} - $marker->{t}) }
                grep { $_->{k} == $marker->{k} } @$others);

    return defined $d && $d < @Stentor::Ear::MARKERS / 4 ? $d : ();
}


# Renditions are cut at the same places, and numbered alike.

sub judge_alignment($self, $i) {
    my ($p, $q) = @{ $self->{players} }[0, $i];
    my %end = map { ("$_->{msn}.$_->{part}" => $_->{end}) }
              @{ $p->{parts} // [] };
    my @both = grep { defined $end{"$_->{msn}.$_->{part}"} }
               @{ $q->{parts} // [] };
    my $bad = grep { $end{"$_->{msn}.$_->{part}"} != $_->{end} } @both;

    $self->check("$q->{name}: parts that end elsewhere than $p->{name}'s",
                 @both && !$bad, "$bad of " . @both, 0);
}


sub judge_discontinuities($self) {
    my $want = $self->{e}{discontinuities} // 0;

    for my $p (@{ $self->{players} }) {
        my $n = @{ $p->{discontinuities} // [] };
        my $maps = keys %{ $p->{inits} // {} };

        $self->check("$p->{name}: discontinuities, init segments",
                     $n == $want && $maps == $want + 1, "$n, $maps",
                     "$want, " . ($want + 1));
    }
}


# The playlists end, soon after they are told to.

sub judge_end($self) {
    my $e = $self->{e};

    for my $p (@{ $self->{players} }) {
        my $took = $p->{ended} && $e->{closed}
                   ? $p->{ended} - $e->{closed} : 'inf';

        $self->check("$p->{name}: ENDLIST, s after the end",
                     $took >= 0 && $took <= ($e->{end_limit} // 0),
                     sprintf('%.2f', $took), $e->{end_limit} // 0);
    }
}


# --- the report

# The timeline as a table, the checks, and what was wrong in words.

sub text($self) {
    my $t0 = $self->{e}{t0};
    my $out = sprintf("\nThis machine was %.1f times slower than alone.\n\n"
                      . "%9s  %-8s %7s %9s\n", $self->{slow},
                      's', 'heard', 'dBFS', 'for s');

    for my $run (@{ $self->{runs} }) {
        $out .= sprintf("%9.2f  %-8s %7.1f %9.2f%s\n", $run->{from} - $t0,
                        $run->{what}, $run->{level},
                        $run->{to} - $run->{from},
                        $run->{transit} ? sprintf('  (%.2f between)',
                                                  $run->{transit}) : '');
    }

    $out .= "\n";
    $out .= sprintf("click at %.3f, %.1f dBFS, %s\n", $_->{t} - $t0,
                    $_->{db}, $self->splice_near($_->{t}))
        for @{ $self->{clicks} // [] };

    $out .= "\n";
    $out .= sprintf("%-4s %-58s %s%s\n", $_->{ok} ? 'ok' : 'BAD',
                    $_->{name}, $_->{figure},
                    length($_->{limit}) ? "  [$_->{limit}]" : '')
        for @{ $self->{checks} };

    return $out . $self->words();
}


sub splice_near($self, $t) {
    my ($near) = sort { abs($a->{from} - $t) <=> abs($b->{from} - $t) }
                 @{ $self->{runs} };
    return 'at no splice' if !$near || abs($near->{from} - $t) > 0.5;

    return sprintf('%+.3f s from the splice to %s', $t - $near->{from},
                   $near->{what});
}


sub words($self) {
    my @say = @{ $self->{e}{faults} };

    for my $r (@{ $self->{players} }, @{ $self->{witnesses} }) {
        my @v = @{ $r->{violations} // [] };
        push(@say, map { "$r->{name}: $_" } @v[0 .. min($#v, 9)]);
    }

    return @say ? join("\n", '', @say, '') : '';
}


# All figures, for a file.

sub figures($self, $ok) {
    my $e = $self->{e};

    for my $p (@{ $self->{players} }) {
        my @late = sort { $a <=> $b } map { $_->[0] } late($p);
        $p->{late} = { map { $_ => $late[$#late * $_ / 100] }
                       50, 90, 99, 100 } if @late;
    }

    return {
        verdict => $ok ? 'pass' : 'fail',
        t0 => $e->{t0},
        knows => $e->{knows}, missing => $e->{missing},
        events => $e->{events}, expected => $e->{expected},
        kills => $e->{kills}, faults => $e->{faults},
        slow => $e->slowness(), first_s => $e->{first_s},
        opened => $e->{opened}, status => $e->{status},
        heard => $self->{runs}, clicks => $self->{clicks},
        silence => $self->{silence}, checks => $self->{checks},
        players => $self->{players}, witnesses => $self->{witnesses},
    };
}


1;
