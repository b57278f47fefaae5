# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a part costs a worker that nobody listens to, with one stream and with
# very many.  Hold audio plays in all of them, since so many broadcasters would
# be more than the machine is for; an idle node's time is taken off.

package Bench::Streams;

use v5.36;

use Time::HiRes qw(time sleep);

use Bench;
use Bench::Node;

my @ROWS = (
    { name => 'growth-streams', unit => 'us', of => 'ratio', limit => 1.15,
      measure => 'CPU a part, all threads, very many streams, no listener',
      twin_is => 'one stream' },
);


sub rows($class) { return @ROWS }


sub run($class, $o, @rows) {
    return { map { $_->{name} => Bench::tried(\&growth, $o) } @rows };
}


sub growth($o) {
    my @n = (0, 1, $o->{streams});
    my ($idle, $one, $many) = map { used($o, $_) } @n;
    my ($few, $most, $few_loop, $most_loop) = map {
        my $what = $_;
        map { ($_->{$what} - $idle->{$what}) / $_->{parts} } $one, $many;
    } qw(all loop);

    return {
        figure => $most, twin => $few, failed => [],
        ratio => Bench::spread($few ? $most / $few : ()),
        notes => [ sprintf('%d streams of hold audio; of it in the event loop'
                           . ' %.1f us, with one stream %.1f', $n[-1],
                           $most_loop, $few_loop) ],
    };
}


# CPU time of a worker with n streams, us, of its event loop and of all its
# threads, in some seconds, and the parts that were made meanwhile.

sub used($o, $n) {
    Bench::note("growth-streams: $n streams");

    my $open = join(' ', map { "stream s$_;" } 1 .. $n);
    my $node = Bench::Node->new(
        Bench::one_worker($o), part_duration => $o->{part}, window => '36s',
        zone => '2047m', stentor => 'streams ' . ($o->{streams} + 16) . ';',
        application => "max_bitrate 80k; $open");
    my ($pid) = $node->worker_pids();

    $node->wait_until(sub {
        my @play = grep { $_->{state} eq 'hold' }
                   @{ $node->status()->{streams} };
        return @play == $n;
    }, 120) or die "not all of $n streams play\n";

    # what was made at their start is behind them
    sleep($o->{seconds} / 2);

    my $parts = parts($node);
    my @before = Bench::cpu_ns($pid);
    sleep($o->{seconds} * $o->{intervals});
    my @after = Bench::cpu_ns($pid);
    $parts = parts($node) - $parts;
    $node->finish();

    return { parts => $parts || 1,
             loop => ($after[0] - $before[0]) / 1000,
             all => ($after[1] - $before[1]) / 1000 };
}


sub parts($node) {
    my $sum = 0;
    $sum += $_->{parts} for @{ $node->status()->{streams} };
    return $sum;
}


1;
