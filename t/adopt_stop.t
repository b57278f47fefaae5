#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A worker that is stopped is not dead: nobody takes its streams up, and when
# it goes on so do they, with hold audio for the time in between.  Only a
# broadcaster takes one away, and then the stopped worker never writes again.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Witness;

use File::Temp ();
use Time::HiRes qw(time);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);

# Each stream is opened by the worker whose turn it is.  Parts are listed for
# three target durations: long enough for a player whose connection stands still
# with the worker that is stopped.
my $node = Stentor::Node->new(workers => 3, reuseport => 1,
    segment_parts => 20, window => '24s', linger => '30s',
    application => 'stream a; stream b; stream c;');
my $s = $node->wait_status(sub ($s) { @{ $s->{streams} } == 3 });
my %owner = map { $_->{name} => $_->{owner_pid} } @{ $s->{streams} };
my $stopped = $owner{'live/a'};
my ($other) = grep { $_ ne 'live/a' && $owner{$_} != $stopped }
              sort keys %owner;


# A connection to a worker that will not be stopped; asks for the status there.

my ($c) = grep { $_ } map {
    my $c = $node->http();
    $c->request('GET', '/status');
    $c->response()->{headers}{'x-worker'} == $stopped ? undef : $c;
} 1 .. 50;

sub stream($name) {
    $c->request('GET', '/status');
    my $status = JSON::PP::decode_json($c->response()->{body});
    return (grep { $_->{name} eq $name } @{ $status->{streams} })[0];
}


# So many parts of a stream that is not stopped.

sub passes($n) {
    my $from = stream($other)->{parts};
    return $node->wait_until(sub { stream($other)->{parts} >= $from + $n });
}


# Publishes at a worker that is not stopped: one that answers.

sub publish_elsewhere() {
    local $Stentor::RTMP::TIMEOUT = 1;

    for (1 .. 30) {
        my $s = eval {
            Stentor::RTMP->open(port => $node->port_rtmp(), name => 'a',
                                asc => $media->{asc});
        };
        return $s if $s;
    }

    die "no worker answers\n";
}


ok(defined $other, 'streams of several workers');
my $player = Stentor::Player->start(port => $node->port_http(), dir => "$dir",
    name => 'player', playlist => '/live/a/audio.m3u8');
my $witness = Stentor::Witness->start(port => $node->port_http(),
    dir => "$dir", name => 'witness', playlist => '/live/a/audio.m3u8');
passes(4);

# --- stopped for a while

my $was = stream('live/a');
kill('STOP', $stopped);
passes(6);                             # what was under way is out
my $parts = stream('live/a')->{parts};
passes(6);

my $is = stream('live/a');
is($is->{owner_pid}, $stopped, 'stopped: nobody takes its stream up');
is($is->{epoch}, $was->{epoch}, 'nor tries to');
is($is->{parts}, $parts, 'it stands still');

my $t0 = time();
kill('CONT', $stopped);
ok($node->wait_until(sub {
    my $edge = stream('live/a')->{renditions}[0]{edge_ms} / 1000;
    return $edge > $t0 && stream('live/a')->{parts} > $parts + 12;
}), 'it goes on and catches up');
is(stream('live/a')->{owner_pid}, $stopped, 'in its worker');
is(stream('live/a')->{repairs}{adoptions}, $was->{repairs}{adoptions},
   'nothing was adopted');

# --- stopped, and a broadcaster comes to another worker

kill('STOP', $stopped);
passes(2);
my $b = publish_elsewhere();
$b->frames($media->{frames}, 0, 100);
ok($node->wait_until(sub {
    my $st = stream('live/a');
    return $st->{owner_pid} != $stopped && $st->{repairs}{live_frames} > 50;
}), 'a broadcaster takes it to his worker');
my $epoch = stream('live/a')->{epoch};
my $owner = stream('live/a')->{owner_pid};

kill('CONT', $stopped);
passes(8);
is(stream('live/a')->{owner_pid}, $owner, 'it stays there');
is(stream('live/a')->{epoch}, $epoch, 'the one that was stopped is quiet');

my $heard = $player->join(0);
my $seen = $witness->join(5);

# held requests give up after three target durations
conforms('one unbroken programme',
         grep { !/^503 for / } @{ $heard->{violations} });
conforms('for who looks later, too',
         grep { !/^503 for / } @{ $seen->{violations} });
is(scalar(grep { exists $seen->{urls}{$_}
                 && $heard->{urls}{$_} ne $seen->{urls}{$_} }
          keys %{ $heard->{urls} }), 0, 'no part was written twice');

$b->close();
$node->done('TERM');
done_testing();
