# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a scenario may set limits to, how it is read off a report, and the
# verdict.  A value that there is none of (the server's CPU without --pid) is
# not judged; one of the listeners is always there.

package Rehearse::Limits;

use v5.36;

# Each: its unit, how it is got of a report, what it is.  "percent" limits may
# also be a number: so many, whatever there is of them.

my %LIMIT = (
    first_audio_p50 => [ 'ms', time_at('start_ms', 'median'),
        'from a listener\'s connection to the first part, half of them' ],
    first_audio_p99 => [ 'ms', time_at('start_ms', 'p99'),
        'the same, 99 of 100' ],
    first_audio_max => [ 'ms', time_at('start_ms', 'max'), 'the last one' ],
    lateness_p50 => [ 'ms', time_at('late_ms', 'median'),
        'of parts, behind the earliest ever: half of them' ],
    lateness_p99 => [ 'ms', time_at('late_ms', 'p99'), 'the same, 99 of 100' ],
    lateness_max => [ 'ms', time_at('late_ms', 'max'), 'the last one' ],
    heard => [ 'least', share('started', 'joins'),
        'players that came and heard something' ],
    stalls => [ 'percent', share('stalls', 'joins'),
        'times that a player ran out of audio' ],
    stalled => [ 'percent', share('stalled', 'joins'),
        'players to whom that happened' ],
    longest_stall => [ 'ms', sub ($r) { $r->{players}{longest_stall_ms} },
        'of any player' ],
    errors => [ 'percent', share('failures', 'requests'),
        'requests and connections that failed' ],
    refused => [ 'percent', sub ($r) {
            return [ $r->{players}{errors}{503}, $r->{players}{requests} ];
        }, 'requests answered with 503' ],
    wrong => [ 'percent', share('wrong', 'parts'),
        'parts and playlists that may never be so' ],
    downgraded => [ 'percent', share('downgraded', 'joins'),
        'players that were given segments instead of parts' ],
    server_cpu => [ 'us', sub ($r) { $r->{server}{cpu_us} },
        'of the server, for a player and second' ],
    server_memory => [ 'kB', sub ($r) { $r->{server}{kb} },
        'of the server, for a player or bot, user space' ],
    tool_cpu => [ '%', sub ($r) { $r->{tool}{busiest} },
        'of a core, the busiest process of this tool' ],
);

# What always holds: a tool that is busier than that measures itself.
my $TOOL_CPU = 80;

my %UNIT = (ms => { ms => 1, s => 1000 }, us => { us => 1, ms => 1000 },
            kB => { kB => 1, MB => 1024 }, '%' => { '%' => 1 });


sub time_at($field, $which) {
    return sub ($r) { ($r->{players}{$field} // {})->{$which} };
}


sub share($of, $in) {
    return sub ($r) { [ $r->{players}{$of}, $r->{players}{$in} ] };
}


# "NAME VALUE" as the line of a scenario has it.

sub read($s) {
    my ($name, $n, $unit) = $s =~ /^(\w+)\s+(\d+(?:\.\d+)?)(%|\w*)$/
        or die "limit NAME VALUE\n";
    my $limit = $LIMIT{$name} or die "there is no limit \"$name\"\n";
    my $kind = $limit->[0];

    if ($kind eq 'percent' || $kind eq 'least') {
        die "$name is a number or a share\n" if $unit !~ /^%?$/;
        return { name => $name, value => $n, unit => $unit };
    }

    my $factor = $UNIT{$kind}{$unit}
        or die "$name wants one of "
               . join(', ', sort keys %{ $UNIT{$kind} }) . "\n";

    return { name => $name, value => $n * $factor, unit => $kind };
}


# The limits of a scenario and what a report has to each: [{name, limit,
# found, unit, ok (undef: there is nothing to judge), text}, ..].

sub judge($report, @limits) {
    push(@limits, { name => 'tool_cpu', value => $TOOL_CPU, unit => '%' })
        if !grep { $_->{name} eq 'tool_cpu' } @limits;

    return map { judge_one($report, $_) } @limits;
}


sub judge_one($report, $limit) {
    my ($kind, $get, $text) = @{ $LIMIT{ $limit->{name} } };
    my $found = $get->($report);

    if (ref($found)) {
        my ($n, $of) = @$found;
        $found = $limit->{unit} eq '%' ? ($of ? 100 * $n / $of : undef) : $n;
    }

    my $ok = !defined $found ? undef
             : $kind eq 'least' ? $found >= $limit->{value}
             : $found <= $limit->{value};

    # no first part and no part that was waited for is not good news
    $ok = 0 if !defined $ok && $limit->{name} !~ /^server_/;

    return { name => $limit->{name}, limit => $limit->{value} + 0,
             found => $found, unit => $limit->{unit}, text => $text,
             ok => defined $ok ? ($ok ? 1 : 0) : undef };
}


1;
