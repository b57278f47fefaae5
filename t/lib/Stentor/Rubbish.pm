# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Somebody who sends rubbish to every door of a node for some seconds, in a
# process of its own: noise, recorded sessions that are nearly right, callers
# by SRT who go silent in the middle, requests that are none, control and
# relay by who may not have them.

package Stentor::Rubbish;

use v5.36;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More ();
use Time::HiRes qw(time sleep);

use Stentor::Kit;
use Stentor::Mutate;
use Stentor::Node;
use Stentor::RTMP;
use Stentor::SrtCaller;

my %DOORS = (
    rtmp => [\&noise, \&recorded, \&half],
    srt => [\&caller, \&packets],
    http => [\&request, \&control, \&request],
);

my %running;


# start(node, seconds, pause => between two): its pid is in {pid}; gone() tells
# whether it has ended.

sub start($class, $node, $seconds, $pause = 0.2) {
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDOUT, '>', '/dev/null');
        Test::More->builder->output('/dev/null');
        eval { send_all($node, time() + $seconds, $pause); 1 };
        POSIX::_exit(0);
    }

    my $self = bless { pid => $pid }, $class;
    $running{$pid} = $self;

    return $self;
}


sub gone($self) {
    my $pid = $self->{pid} // return 1;
    return 0 if waitpid($pid, POSIX::WNOHANG()) == 0;

    delete $running{$pid};
    delete $self->{pid};
    return 1;
}


sub stop($self) {
    my $pid = delete $self->{pid} // return;

    kill('KILL', $pid);
    waitpid($pid, 0);
    delete $running{$pid};
}


# --- the child

sub send_all($node, $end, $pause) {
    my @doors = grep { $_ ne 'srt' || $node->port_srt() } sort keys %DOORS;
    my %m = (
        rtmp => Stentor::Mutate->new(map { capture($_) } qw(obs ffmpeg gst)),
        srt => Stentor::Mutate->new('#!::r=live/rubbish,m=publish',
                                    'publish:live/rubbish:joe:pass',
                                    'live/rubbish?key=abc&track=1'),
        http => Stentor::Mutate->new(requests()),
    );

    @doors = grep { $_ ne 'rtmp' } @doors if $node->{role} eq 'edge';

    # those who are refused without a word are not waited for
    $Stentor::RTMP::TIMEOUT = 1;
    $Stentor::SrtCaller::TIMEOUT = 1;
    $SIG{PIPE} = 'IGNORE';

    while (time() < $end) {
        my $door = $doors[rand(@doors)];
        my @ways = @{ $DOORS{$door} };

        eval { $ways[rand(@ways)]->($node, $m{$door}) };
        sleep($pause);
    }
}


sub requests() {
    my @paths = ('/live/main1/audio.m3u8?_HLS_msn=4&_HLS_part=1&_HLS_skip=YES',
        '/live/main1/index.m3u8', '/live/main1/audio/12.3.m4s',
        '/live/main1/steering.json?_HLS_pathway=edge-1', '/live/../status',
        '/relay/live/main1?node=rubbish&after=1.2:abcdef01&epoch=3');

    return map { "GET $_ HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                 . "Range: bytes=0-9\r\n\r\n" } @paths;
}


sub noise($node, $m) {
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp());
    $s->send(join('', map { chr(int(rand(256))) } 1 .. 1 + rand(4000)));
    $s->wait_close(0.3);
    $s->close(reset => int(rand(2)));
}


sub recorded($node, $m) {
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp());
    $s->send($m->next());
    $s->wait_close(0.5);
    $s->close(reset => int(rand(2)));
}


# A session that stops somewhere.

sub half($node, $m) {
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp());

    $s->handshake();
    $s->connect_app($m->any('live', 'nowhere', 'keyed', 'asked'))
        if rand() < 0.7;
    $s->ask_publish($m->any('rubbish', 'a/../b', 'main1?key=x', 'latest'))
        if rand() < 0.7;
    $s->close(reset => int(rand(2)));
}


sub caller($node, $m) {
    my $c = Stentor::SrtCaller->new(port => $node->port_srt());

    $c->induction() // return;
    return if rand() < 0.3;

    $c->conclusion(streamid => $m->next() =~ s/\0//gr);
    $c->data(join('', map { chr(int(rand(256))) } 1 .. 1316))
        for 1 .. rand(20);
    $c->pump(0.1);
    $c->shutdown() if rand() < 0.5;
}


# What is no handshake at all.

sub packets($node, $m) {
    my $c = Stentor::SrtCaller->new(port => $node->port_srt());
    $c->send($m->next($c->request(streamid => 'live/rubbish')))
        for 1 .. 20;
}


sub request($node, $m) {
    say_to($node, $m->next());
}


sub control($node, $m) {
    # nothing that would stay open
    my $body = $m->next('{"stream":"nowhere/rubbish"}');
    say_to($node, 'POST /control/' . $m->any('open', 'close', 'hold')
                  . " HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                  . length($body) . "\r\n\r\n$body");
}


sub say_to($node, $bytes) {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $node->port_http())
        // return;

    syswrite($s, $bytes);
    my $select = IO::Select->new($s);
    my $n = 1;
    $n = sysread($s, my $in, 65536) while $n && $select->can_read(0.1);
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop() for values %running;
        $? = $status;
    }
}


1;
