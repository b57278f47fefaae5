#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Two and four workers: each serves the same bytes, an append wakes waiters on
# all of them, and one that is killed with parked listeners takes nobody else
# with it.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my $URL = '/live/studio1';


# A kept connection to each worker, by pid: every worker has a socket of its
# own (reuseport), so that connections spread by their source port.

sub one_each($node) {
    my %by_pid;

    for (1 .. 300) {
        my $c = $node->http();
        $c->request('GET', '/status');
        my $pid = $c->response()->{headers}{'x-worker'};
        $by_pid{$pid} //= $c;
        last if keys %by_pid == $node->{workers};
    }

    return %by_pid;
}


sub ask($path, @conns) {
    $_->request('GET', $path) for @conns;
    return Stentor::HTTP::wait_all(\@conns);
}


sub same($what, @answers) {
    my %texts = map { ($_ ? $_->{status} . $_->{body} : 'none') => 1 }
                @answers;
    is(scalar(keys %texts), 1, $what);
}


for my $workers (2, 4) {
    my ($node, $b) = on_air(workers => $workers, reuseport => 1);
    my %c = one_each($node);
    my @c = values %c;

    is(scalar(@c), $workers, "$workers workers: all of them answer");
    is($node->status()->{workers}, $workers, 'and are counted');

    my $p = playlist($node);
    same('the same segment', ask("$URL/$p->{segments}[0]{uri}", @c));
    same('the same part',
         ask("$URL/$p->{segments}[-1]{parts}[0]{URI}", @c));
    same('the same init segment', ask("$URL/$p->{map}", @c));
    same('the same multivariant playlist', ask("$URL/index.m3u8", @c));

    for my $round (1 .. 5) {
        $p = playlist($node);
        my ($msn, $n) = $p->next_part();
        my @r = ask("$URL/audio.m3u8?_HLS_msn=$msn&_HLS_part=$n", @c);

        same("round $round: one version on all workers", @r);
        is(scalar(map { $_ ? $_->{headers}{etag} : () } @r), $workers,
           'all have an ETag');
        is(scalar(keys %{{ map { $_->{headers}{etag} => 1 } @r }}), 1,
           'and the same one');
    }

    # many on each, all parked, all woken by one append
    my @many = map { my $c = $node->http(); $c } 1 .. 20 * $workers;
    $p = playlist($node);
    my ($msn) = $p->next_part();
    $msn++;
    $_->request('GET', "$URL/audio.m3u8?_HLS_msn=$msn&_HLS_part=0") for @many;

    ok($node->wait_status(sub ($s) { $s->{hls}{waiters} >= @many }, 5,
                          'all parked'), 'all are parked');
    my @r = Stentor::HTTP::wait_all(\@many);
    same('all are woken, with the same bytes', @r);
    is(scalar(keys %{{ map { $_->{headers}{'x-worker'} => 1 }
                       grep { $_ } @r }}), $workers, 'on every worker');

    ok($node->wait_status(sub ($s) { $s->{hls}{waiters} == 0 }, 5,
                          'nobody waits'), 'nobody waits any more');

    # one worker dies, with listeners parked on all
    my $owner = $node->stream('live/studio1')->{owner_pid};
    my ($victim) = grep { $_ != $owner } sort keys %c;
    %c = one_each($node);
    $p = playlist($node);
    $msn = $p->{open}{msn} + 1;
    $_->request('GET', "$URL/audio.m3u8?_HLS_msn=$msn") for values %c;

    $node->kill_worker('KILL', $victim);

    for my $pid (grep { $_ != $victim } keys %c) {
        my $r = $c{$pid}->response();
        is($r ? $r->{status} : 'none', 200,
           'who waits on another worker is answered');
    }

    my $l = listener($node);
    ok($l->parts(8), 'the stream goes on');
    conforms('without a fault', @{ $l->{violations} });
    %c = one_each($node);
    is(scalar(keys %c), $workers, 'the successor serves');

    $p = playlist($node);
    same('the same as the others',
         ask("$URL/$p->{segments}[0]{uri}", values %c));

    $b->stop();
    $node->done();
}

done_testing();
