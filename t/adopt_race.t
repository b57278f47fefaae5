#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A worker dies while much happens: many streams whose broadcasters are all
# back at once, and broadcasters with other audio parameters at that moment.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Witness;

use File::Temp ();
use Time::HiRes qw(time);


need(qw(ffmpeg cc));

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my %MEDIA = (
    48 => Stentor::Media::fixture(freq => 440),
    44 => Stentor::Media::fixture(freq => 880, rate => 44100, channels => 1),
);

my $node = Stentor::Node->new(workers => 3, reuseport => 1, window => '8s',
                              linger => '20s', zone => '64m',
                              slow_threads => 300);

# --- all are back at once

my @names = map { "s$_" } 1 .. 9;
my (%s, %frames);


# Publishes and sends a little more than two seconds, all at once.

sub publish($name) {
    my $s = eval {
        my $s = Stentor::RTMP->open(port => $node->port_rtmp(),
                                    name => $name, asc => $MEDIA{48}{asc});
        $s->frames($MEDIA{48}{frames}, 0, 100);
        $s;
    };

    $s{$name}->close() if $s{$name};
    $s{$name} = $s;
}


# All of them have been heard since the last time.

sub all_heard($what) {
    my (%now, @missing);

    ok($node->wait_until(sub {
        %now = map { $_->{name} => $_->{repairs}{live_frames} }
               @{ $node->status()->{streams} };
        @missing = grep { ($now{"live/$_"} // 0) <= ($frames{"live/$_"} // 0) }
                   @names;
        return !@missing;
    }), $what) or diag("not heard: @missing");

    %frames = %now;
}


publish($_) for @names;
all_heard('all are heard');

my $player = Stentor::Player->start(port => $node->port_http(), dir => "$dir",
    name => 's1', playlist => '/live/s1/audio.m3u8');

for my $round (1 .. 4) {
    my $owner = $node->stream('live/s1')->{owner_pid};

    $node->{killed}{$owner} = 1;
    kill('KILL', $owner);

    # while the others look for who is to go on with them
    for my $name (@names) {
        publish($name);
        my $told = $s{$name} ? $s{$name}->on_status(0.01) : undef;
        is($told ? $told->{code} : undef, undef,
           "round $round: $name is back");
    }

    all_heard("round $round: all are heard again");
    $node->wait_until(sub { my @pids = $node->worker_pids(); @pids == 3 });
}

is($node->status()->{ingest}{refused_codec}, 0, 'nobody was refused');
my $heard = $player->join(0);
conforms('one unbroken programme', @{ $heard->{violations} });
$_->close() for grep { $_ } values %s;

# --- around a change of the audio parameters

$player = Stentor::Player->start(port => $node->port_http(), dir => "$dir",
    name => 'change', playlist => '/live/change/audio.m3u8');
my $b = broadcaster($node, name => 'change', media => $MEDIA{48});
my $witness = Stentor::Witness->start(port => $node->port_http(),
    dir => "$dir", name => 'witness', playlist => '/live/change/audio.m3u8');
my @CASES = ('he has been let in', 'it has been announced', 'he is heard');
my ($kind, $other) = (44, 48);

for my $case (0 .. $#CASES) {
    my $next = Stentor::Broadcaster->start(port => $node->port_rtmp(),
        name => 'change', media => $MEDIA{$kind});
    my $formats = $node->stream('live/change')->{repairs}{formats};
    my $map;

    if ($case) {
        $node->wait_until(sub {
            my $p = playlist($node, 'change');
            ($map) = map { $_->{URI} } grep { $_->{TYPE} eq 'MAP' }
                     @{ $p->{hints} };
            return 1 if $map && $case == 1;
            return $p->{open}{disc} && @{ $p->{open}{parts} };
        });
    }

    my $st = $node->stream('live/change');
    $node->kill_worker('KILL', $st->{owner_pid});
    ok($node->wait_stream('live/change', sub ($new) {
        return $new && $new->{parts} > $st->{parts} + 2;
    }), "killed when $CASES[$case]: it goes on");

    if ($map && $case == 1) {
        my $p = playlist($node, 'change');
        ok(scalar(grep { $_->{map} eq $map } @{ $p->{segments} }, $p->{open}),
           'in what was announced');
    }

    $next->kill_it();
    $b = broadcaster($node, name => 'change', media => $MEDIA{$kind});
    ok($node->wait_stream('live/change', sub ($new) {
        return $new->{state} eq 'live'
               && $new->{renditions}[0]{rate} == $MEDIA{$kind}{rate};
    }), 'and with him when he is back');
    ($kind, $other) = ($other, $kind);
}

$heard = $player->join(0);
my $seen = $witness->join(5);
conforms('one unbroken programme', @{ $heard->{violations} });
conforms('for who looks later, too', @{ $seen->{violations} });
is(scalar(grep { $heard->{urls}{$_} ne ($seen->{urls}{$_}
                                        // $heard->{urls}{$_}) }
          keys %{ $heard->{urls} }), 0, 'nobody got anything else');

$b->stop();
$node->done('TERM');
done_testing();
