#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A full zone and a full table: the new stream is refused with its reason and
# counted, and those that run are not touched.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my $media = Stentor::Media::fixture();


# Publishes until one is refused: (the broadcasters that are on the air, what
# the refused one was told).

sub fill($node, $most) {
    my @on;

    for my $n (1 .. $most) {
        my $s = Stentor::RTMP->open(port => $node->port_rtmp(),
                                    name => "s$n", asc => $media->{asc});
        $s->frame($media->{frames}[$_], $_ * 1024 / 48) for 0 .. 9;

        my $told;
        $node->wait_until(sub {
            $told //= $s->on_status(0.01);
            return $told || $node->stream("live/s$n");
        }, 5);

        return (\@on, $told, $s) if $told;
        push(@on, $s);
    }

    return (\@on, undef);
}


sub unharmed($node, $what, $count) {
    my $l = listener($node, path => '/live/s1', edge => 1);
    ok($l->parts(10), "$what: the first stream goes on");
    conforms("$what: unbroken", @{ $l->{violations} });
    is(scalar(@{ $node->status()->{streams} }), $count,
       "$what: the others are there");
}

# --- the zone

{
    my $node = Stentor::Node->new(zone => '8m', linger => '60s',
                                   stentor => 'streams 64;');
    my ($on, $told, $refused) = fill($node, 60);

    cmp_ok(scalar(@$on), '>', 2, 'some streams fit into the smallest zone');
    ok($told, 'and then one is refused');
    like(JSON::PP::encode_json($told // []), qr/zone is full/,
         'who is told why');
    is($node->status()->{ingest}{refused_full}, 1, 'counted');
    unharmed($node, 'zone', scalar(@$on));

    my @crit = grep { /\[crit\]/ } split(/\n/, $node->log());
    is(scalar(@crit), 1, 'and the operator reads it once');
    like($crit[0], qr/refused: the zone is full/, 'with its reason');

    $_->close() for @$on, $refused;
    $node->stop('TERM');
}

# --- the table

{
    my $node = Stentor::Node->new(stentor => 'streams 3;', linger => '300ms',
                                  workers => 1);
    my ($on, $told, $refused) = fill($node, 10);

    is(scalar(@$on), 3, 'as many streams as there may be');
    ok($told, 'the next one is refused');
    unharmed($node, 'table', 3);

    $refused->close();
    $_->close() for @$on;
    $node->stop('TERM');
}

done_testing();
