#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A worker is killed: the streams that it owned go on in another one, whoever
# opened them, where they were, and nobody hears more of it than hold audio.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Witness;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use List::Util qw(max);
use Time::HiRes qw(time);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);


# A kept connection to each worker, by pid.

sub one_each($node) {
    my %by_pid;

    for (1 .. 300) {
        my $c = $node->http();
        $c->request('GET', '/status');
        $by_pid{ $c->response()->{headers}{'x-worker'} } //= $c;
        last if keys %by_pid == $node->{workers};
    }

    return \%by_pid;
}


# What every worker says that the newest segments and parts are: path to a
# digest of what was got, a violation where two differ.

sub everywhere($node, $stream, $known) {
    my $p = playlist($node, $stream);
    my @uris = ($p->{map}, map({ $_->{uri} } @{ $p->{segments} }),
                map({ $_->[2]{URI} } $p->all_parts()));
    my @bad;

    for my $c (values %{ one_each($node) }) {
        for my $uri (@uris) {
            $c->request('GET', "/live/$stream/$uri");
            my $r = $c->response();
            my $got = $r ? $r->{status} . ' ' . sha256_hex($r->{body}) : 'none';
            my $was = $known->{"$stream/$uri"} //= $got;
            push(@bad, "$stream/$uri: $got, was $was") if $got ne $was;
        }
    }

    return @bad;
}


my $node = Stentor::Node->new(workers => 3, reuseport => 1, window => '8s',
                              linger => '3s', application => 'stream conf;');
$node->control('open', 'live/ctl');
my $b = broadcaster($node, name => 'air', media => $media);
my @STREAMS = qw(conf ctl air);

$node->wait_stream('live/conf', sub ($st) { $st });

my %player = map {
    $_ => Stentor::Player->start(port => $node->port_http(), dir => "$dir",
        name => $_, playlist => "/live/$_/audio.m3u8")
} @STREAMS;
my $witness = Stentor::Witness->start(port => $node->port_http(),
    dir => "$dir", name => 'witness', playlist => '/live/air/audio.m3u8');

# --- killed, whoever opened it

my %known;
my @took;

# the one that was killed may have made a part just before: a part that ends
# later is another's

for my $stream (@STREAMS) {
    conforms("$stream: the same in all workers",
             everywhere($node, $stream, \%known));

    my $was = $node->stream("live/$stream");
    my $t0 = time();
    $node->kill_worker('KILL', $was->{owner_pid});

    my $s = $node->wait_stream("live/$stream", sub ($st) {
        return $st && $st->{owner_pid} != $was->{owner_pid}
               && $st->{renditions}[0]{edge_ms} / 1000 > $t0;
    });
    push(@took, time() - $t0);
    cmp_ok($took[-1], '<', 2, "$stream: goes on within two seconds");

    # the claim comes first, and takes a while to be worth something

    $node->wait_stream("live/$stream", sub ($st) {
        return $st && $st->{repairs}{adoptions} > $was->{repairs}{adoptions};
    });
    my $is = $node->stream("live/$stream");
    is($is->{opened_by}, $was->{opened_by}, "$stream: is whose it was");
    cmp_ok($is->{repairs}{adoptions}, '==', $was->{repairs}{adoptions} + 1,
           "$stream: the adoption is counted");
    cmp_ok($is->{renditions}[0]{msn}, '>=', $was->{renditions}[0]{msn},
           "$stream: its numbers go on");
    conforms("$stream: the same as before, in all workers",
             everywhere($node, $stream, \%known));
}

note(sprintf('adopted after %s s', join(' ', map { sprintf('%.2f', $_) }
                                         @took)));

# --- the broadcaster comes back, to whatever worker

ok($b->closed(5), 'the broadcaster lost his connection');
my $l = listener($node, path => '/live/air', keep => 1, edge => 1);
$l->step();

for my $n (1 .. 2) {
    $b = broadcaster($node, name => 'air', media => $media);
    ok($l->run(sub ($l) {
        return @{ $l->{parts} } >= 3 && abs(($l->tone(3) // 0) - 880) < 10;
    }), "$n: he comes back and is heard");
    $l->{parts} = [];

    $node->kill_worker('KILL', $node->stream('live/air')->{owner_pid});
    ok($b->closed(5), "$n: and is killed again");
}

# --- and now he does not

my $t0 = time();
ok($node->wait_stream('live/air', sub ($st) {
    return $st && $st->{state} eq 'hold';
}), 'without him hold audio plays');
ok($node->wait_stream('live/air', sub ($st) {
    return !$st || $st->{state} eq 'closed';
}), 'until the linger is over');
cmp_ok(time() - $t0, '>', 2, 'but not before');

for my $stream (qw(conf ctl)) {
    is($node->stream("live/$stream")->{state}, 'hold', "$stream: stays open");
}

# --- all of it as it was heard

for my $stream (@STREAMS) {
    my $heard = $player{$stream}->join(0);

    conforms("$stream: one unbroken programme", @{ $heard->{violations} });
    ok(defined $heard->{ended}, 'which ends for its listeners')
        if $stream eq 'air';

    my ($late) = max(map { $_->{arrived} - $_->{end} }
                     grep { !$_->{first} } @{ $heard->{parts} });
    note(sprintf('%s: a part was at most %.2f s late', $stream, $late));

    next if $stream ne 'air';

    my $seen = $witness->join(5);
    my @differ = grep { exists $heard->{urls}{$_}
                        && $heard->{urls}{$_} ne $seen->{urls}{$_} }
                 keys %{ $seen->{urls} };
    is("@differ", '', "$stream: nobody got anything else");
    conforms('for who looks later, too', @{ $seen->{violations} });
}

$node->done('TERM');
done_testing();
