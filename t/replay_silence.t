#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A broadcaster who is silent: a chapter of the replay, left out at both ends
# where that is asked for; and the same on another node that pulls the stream,
# for as long as there is something to write.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();


need(qw(ffmpeg));

my %sounds = (
    tone => Stentor::Media::fixture(freq => 880),
    silence => Stentor::Media::fixture(name => 'silence', source =>
                                       'anullsrc=r=48000:cl=stereo'),
);
my %dir = map {
    my $d = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
    chmod(0755, $d);
    $_ => $d;
} qw(all trim origin edge);


# He is silent, heard for a while, silent, heard, silent, and leaves.

sub plays($node, $name, $app = 'live') {
    my $b = Stentor::Broadcaster->start(port => $node->port_rtmp(),
        name => $name, app => $app, media => $sounds{silence},
        sounds => \%sounds);
    my $stream = "$app/$name";

    $node->wait_stream($stream, sub ($st) {
        return $st && $st->{state} eq 'live'
               && ($st->{level} // {})->{silent_ms}
               && $st->{level}{silent_ms} > 2000;
    });

    for my $sound (qw(tone silence tone silence)) {
        $b->play($sound);
        $node->wait_stream($stream, sub ($st) {
            my $ms = ($st->{level} // {})->{silent_ms} // 0;
            return $sound eq 'tone' ? $ms == 0 : $ms > 3000;
        });
        my $parts = $node->stream($stream)->{parts};
        $node->wait_stream($stream, sub ($st) {
            return $st->{parts} > $parts + 10;
        });
    }

    return $b;
}


my $node = Stentor::Node->new(window => '8s', linger => '1s', stentor =>
    "application trim { replay $dir{trim} trim_silence; part_duration 200ms;"
    . ' dead_air -50dB 1s; linger 1s; }',
    application => "replay $dir{all}; dead_air -50dB 1s;");

my @b = (plays($node, 'studio1'), plays($node, 'studio1', 'trim'));
$_->stop() for @b;

my $all = Stentor::Replay->new(dir => $dir{all});
my $trim = Stentor::Replay->new(dir => $dir{trim}, stream => 'trim/studio1');

for my $r ($all, $trim) {
    ok($node->wait_until(sub { ($r->playlist() // {})->{ended} }, 20),
       "$r->{stream} has ended");
    conforms('it is good', $r->violations());
}

my $s = qr/ [\d.]+/;
like($all->story(), qr/^(?:live$s, )?dead_air$s(?:, live$s, dead_air$s){2}$/,
     'silence is a chapter: ' . $all->story());
like($trim->story(), qr/^live$s, dead_air$s, live$s$/,
     'and is left out at both ends when asked: ' . $trim->story());
$node->done('TERM');

# --- on other nodes

SKIP: {
    skip('no redis-server', 1)
        if !Stentor::Node::has(Stentor::Node::which('redis-server'),
                               'redis-server');

    my $c = Stentor::Cluster->new(window => '8s', linger => '2s',
        part_duration => '200ms', cluster => ['relay_idle 5s;'],
        node => {
            origin => { application => "replay $dir{origin} end=3s; "
                                       . 'stream always;' },
            edge => { application => "replay $dir{edge} end=3s;" },
        });
    my ($origin) = $c->nodes('origin');
    my ($edge) = $c->nodes('edge');

    # somebody listens, once
    my $b = Stentor::Broadcaster->start(port => $origin->port_rtmp(),
        media => $sounds{tone}, sounds => \%sounds);
    $origin->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{state} eq 'live';
    });
    is($edge->get('/live/studio1/index.m3u8')->{status}, 200, 'an edge');

    my %r = map { $_ => Stentor::Replay->new(dir => $dir{$_}) }
            qw(origin edge);
    $b->play('silence');
    $origin->wait_stream('live/studio1', sub ($st) {
        return ($st->{level} // {})->{silent_ms}
               && $st->{level}{silent_ms} > 11000;
    }, 30);
    $b->play('tone');
    $edge->wait_until(sub {
        return @{ ($r{edge}->playlist() // { segments => [] })->{segments} }
               >= 4;
    }, 30);
    $b->stop();

    for my $who (qw(origin edge)) {
        ok($edge->wait_until(sub {
            return ($r{$who}->playlist() // {})->{ended};
        }, 30), "$who: has ended");
        conforms('it is good', $r{$who}->violations());
    }

    is($r{edge}->playlist()->{text}, $r{origin}->playlist()->{text},
       'the same on both');
    is($r{edge}->story(), $r{origin}->story(), 'with the same chapters');
    is("@{[ $r{edge}->starts() ]}", "@{[ $r{origin}->starts() ]}",
       'by the same name');
    is_deeply([ $r{edge}->frames() ], [ $r{origin}->frames() ],
              'and the same audio');

    # one that is open for ever, of which a replay has ended
    $b = Stentor::Broadcaster->start(port => $origin->port_rtmp(),
        name => 'always', media => $sounds{tone});
    $edge->wait_until(sub {
        $edge->get('/live/always/index.m3u8');
        return (($edge->stream('live/always') // {})->{replay} // '')
               eq 'writing';
    }, 20);
    $b->stop();

    ok($edge->wait_until(sub {
        return !grep { $_->{name} eq 'live/always' && $_->{state} ne 'closed' }
                @{ $edge->status()->{streams} };
    }, 30), 'a stream of which nothing is written comes no more');
    is($origin->stream('live/always')->{state}, 'hold',
       'though it is there');

    $_->done('TERM') for $edge, $origin;
}

done_testing();
