# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Whether something that was measured again and again has stayed as it was, or
# grows.  What it did until it was warm does not count.  Then two things have
# to hold: the slope of the whole (Theil and Sen: the median of the slopes of
# all pairs, which outliers and sawteeth do not move), over the length of the
# soak, is less than it may grow, and so is the median of the last third beside
# that of the middle one, which sees what has grown in one step.

package Stentor::Steady;

use v5.36;

use constant {
    WARM => 15,                        # minutes, and a quarter at most
    ENOUGH => 9,                       # samples, to be judged at all
};


# judge([[minute, value], ...], percent =>, slack =>, length => minutes of the
# soak, spared => what its twin has grown): {ok (undef: too few samples),
# growth (over the length), step, median, limit, samples}.  It may grow by that
# many percent of its median or by slack, whichever is more.

sub judge($series, %o) {
    my @all = sort { $a->[0] <=> $b->[0] } grep { defined $_->[1] } @$series;
    my $length = $o{length} // (@all ? $all[-1][0] : 0);
    my $warm = $length / 4 < WARM ? $length / 4 : WARM;
    my @judged = grep { $_->[0] >= $warm } @all;

    return { samples => scalar(@judged) } if @judged < ENOUGH;

    my $median = median(map { $_->[1] } @judged);
    my $growth = slope(@judged) * $length;
    my $step = step(@judged);
    my $limit = $median * ($o{percent} // 0) / 100;

    $limit = $o{slack} if $limit < ($o{slack} // 0);
    $limit += $o{spared} if ($o{spared} // 0) > 0;

    return { ok => $growth <= $limit && $step <= $limit ? 1 : 0,
             growth => $growth, step => $step, median => $median,
             limit => $limit, samples => scalar(@judged) };
}


# What the median of the last third is more than that of the middle third.

sub step(@judged) {
    my $third = int(@judged / 3);
    my @values = map { $_->[1] } @judged;

    return median(@values[-$third .. -1])
           - median(@values[-2 * $third .. -$third - 1]);
}


# The median of the slopes of all pairs of points.

sub slope(@points) {
    my @slopes;

    for my $i (0 .. $#points) {
        my ($x, $y) = @{ $points[$i] };

        push(@slopes, map { ($_->[1] - $y) / ($_->[0] - $x) }
                      grep { $_->[0] > $x } @points[$i + 1 .. $#points]);
    }

    return median(@slopes) // 0;
}


sub median(@v) {
    return undef if !@v;
    @v = sort { $a <=> $b } @v;
    return @v % 2 ? $v[$#v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}


1;
