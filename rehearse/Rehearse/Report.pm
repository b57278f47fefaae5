# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The report of a rehearsal for a terminal: what was met with, then each limit
# and whether it held, then one line of verdict.

package Rehearse::Report;

use v5.36;


sub show($r) {
    my $p = $r->{players};

    printf("\n%s: %s\n", $r->{scenario}, $r->{title});
    printf("%.0f s, 100%% are %d listeners\n\n", @$r{qw(seconds listeners)});

    row('players', sprintf('%d came, %d heard something, %d moved on',
                           @$p{qw(joins started leaves)}));
    delays('first audio', $p->{start_ms});
    delays('part lateness', $p->{late_ms});
    row('parts', sprintf('%d (%.1f MB), %d playlists', $p->{parts},
                         $p->{bytes} / 1e6, $p->{playlists}));
    row('stalls', sprintf('%d, to %d players; the longest %.0f ms; %d are '
                          . 'silent at the end',
                          @$p{qw(stalls stalled longest_stall_ms silent)}));
    row('errors', errors($p));
    row('continuity', sprintf('%d breaks, %d discontinuities, %d gaps, '
                              . '%d other bytes',
                              $p->{errors}{break} + $p->{errors}{back},
                              @$p{qw(discontinuities gaps)},
                              $p->{errors}{bytes}));
    row('TLS', sprintf('%d handshakes, %d resumed',
                       @$p{qw(handshakes resumed)})) if $p->{handshakes};
    row('downgraded', "$p->{downgraded} players were given segments")
        if $p->{downgraded};

    others($r->{others});
    edges($r->{edges});
    server($r->{server});
    tool($r->{tool});
    limits($r);
    verdict($r);
}


sub row($name, $text) { printf("  %-14s %s\n", $name, $text) }


sub delays($name, $h) {
    row($name, $h ? sprintf('median %s, 99%% %s, max %s',
                            map { ms($_) } @$h{qw(median p99 max)}) : 'none');
}


sub ms($v) {
    return $v < 10 ? sprintf('%.1f ms', $v)
           : $v < 10000 ? sprintf('%.0f ms', $v)
           : sprintf('%.1f s', $v / 1000);
}


sub errors($p) {
    my $e = $p->{errors};
    my @kinds = map { "$_ $e->{$_}" } grep { $e->{$_} } sort keys %$e;

    return @kinds ? join(', ', @kinds) . " ($p->{requests} requests)"
                  : "none in $p->{requests} requests";
}


# Slow readers and bots: nothing of theirs is a limit's.

sub others($o) {
    return if !$o->{joins};

    row('others', sprintf('%d slow readers or bots, %d requests, %d '
                          . 'connected again',
                          @$o{qw(joins requests reconnects)}));
    row('', 'met with ' . errors($o));
}


sub edges($edges) {
    return if @$edges < 2;

    for my $e (@$edges) {
        row($e->{host}, sprintf('%d came, %d parts, %s', $e->{joins},
                                $e->{parts}, errors($e)));
    }
}


sub server($s) {
    row('server', sprintf('%.1f us of CPU a player and second, %.2f kB a '
                          . 'connection', @$s{qw(cpu_us kb)}))
        if defined $s->{cpu_us};

    my $c = $s->{counts};
    row('its own count', join(', ', map {
        "$_ $c->{$_}{last} (at most $c->{$_}{most})"
    } sort keys %$c)) if %$c;
}


sub tool($t) {
    row('this tool', sprintf('%d process%s, %.1f us of CPU a player and '
                             . 'second, the busiest %.0f%% of a core',
                             $t->{processes}, $t->{processes} > 1 ? 'es' : '',
                             $t->{cpu_us} // 0, $t->{busiest}));
    row('', sprintf('this machine was %.0f%% busy%s', $t->{machine},
                    $t->{machine} > 90
                    ? ': what is late here may be its fault' : ''))
        if defined $t->{machine};
}


sub limits($r) {
    printf("\n  %-16s %12s %12s\n", 'limit', 'wanted', 'found');

    for my $l (@{ $r->{limits} }) {
        my $least = $l->{name} eq 'heard' ? '>= ' : '<= ';

        printf("  %-16s %12s %12s  %-5s %s\n", $l->{name},
               $least . value($l->{limit}, $l->{unit}),
               defined $l->{found} ? value($l->{found}, $l->{unit}) : '-',
               !defined $l->{ok} ? '-' : $l->{ok} ? 'pass' : 'FAIL',
               $l->{text});
    }
}


sub value($v, $unit) {
    my $n = $v == int($v) || $v >= 1000 ? sprintf('%.0f', $v)
            : $v >= 10 ? sprintf('%.1f', $v) : sprintf('%.2f', $v);
    $unit //= '';
    return $unit eq '%' || $unit eq '' ? "$n$unit" : "$n $unit";
}


sub verdict($r) {
    my @bad = map { $_->{name} }
              grep { defined $_->{ok} && !$_->{ok} } @{ $r->{limits} };

    print("\n");
    print("this tool was the bottleneck: more machines, or fewer listeners\n")
        if grep { $_ eq 'tool_cpu' } @bad;
    print("it was stopped before its end\n") if $r->{stopped};
    print($r->{pass} ? "PASS\n"
                     : 'FAIL' . (@bad ? ': ' . join(', ', @bad) : '') . "\n");
}


1;
