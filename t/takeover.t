#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The same name published again: the newest broadcaster wins at once, his own
# ghost cannot lock him out, and listeners hear one unbroken programme.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my $node = Stentor::Node->new(linger => '30s',
    stream_server => 'stentor_rtmp_media_timeout 30s;');
my $low = Stentor::Media::fixture(freq => 440);
my $high = Stentor::Media::fixture(freq => 880);

my $first = broadcaster($node, media => $low);
my $l = listener($node, keep => 1);
my $witness = Stentor::Listener->fork_run(120, port => $node->port_http());
ok($l->parts(12), 'the first broadcaster');


# Listens until the last parts sound like hz.  This listener stands still in
# between; the witness does not, and is the one whose programme is whole.

sub sounds($hz, $what) {
    my $tone;

    ok($l->run(sub ($l) {
        return 0 if @{ $l->{parts} } % 3;
        $tone = $l->tone(4);
        return defined $tone && abs($tone - $hz) < 10;
    }, 15), $what) or diag('heard ' . ($tone // 'silence'));

    splice(@{ $l->{parts} }, 0, -8) if @{ $l->{parts} } > 8;
}


sounds(440, 'is heard');
my $msn = $node->stream('live/studio1')->{renditions}[0]{msn};

my $second = broadcaster($node, media => $high);
ok($first->closed(5), 'the second one ends the first one\'s connection');
sounds(880, 'and is heard instead');

is($node->status()->{ingest}{takeovers}, 1, 'a takeover is counted');
my @streams = @{ $node->status()->{streams} };
is(scalar(@streams), 1, 'it is still one stream');
cmp_ok($streams[0]{renditions}[0]{msn}, '>=', $msn, 'its msn goes on');

# a ghost: the connection stays, the encoder hangs
$second->freeze();
my $third = broadcaster($node, media => $low);
sounds(440, 'a ghost does not lock its own broadcaster out');
$second->thaw();
ok($second->closed(5), 'the ghost finds itself closed');
is($node->stream('live/studio1')->{state}, 'live', 'and changes nothing');

# one that is killed, back at once
$third->kill_it();
my $fourth = broadcaster($node, media => $high);
sounds(880, 'a killed broadcaster comes back');

# many, quickly
my $last = $fourth;

for my $n (1 .. 3) {
    my $next = broadcaster($node, media => $low);
    ok($last->closed(5), "takeover $n in a row");
    $last = $next;
}

sounds(440, 'the last one is heard');
# one that asks for the name and never sends anything does not get it
my $mute = Stentor::RTMP->open(port => $node->port_rtmp(),
                               name => 'studio1');
ok(!$last->closed(0.3), 'who publishes without media takes nothing');
$mute->close(reset => 1);

# nor does one whose audio the stream cannot take
my $mp3 = Stentor::RTMP->open(port => $node->port_rtmp(),
                              name => 'studio1');
$mp3->audio("\x2f" . 'x' x 400, 0);
ok($mp3->wait_for(sub { $mp3->{eof} || $mp3->on_status(0.05) }, 5),
   'one who sends MP3 is refused');
ok(!$last->closed(0.3), 'and takes nothing');
$mp3->close();

my $again = broadcaster($node, media => $high);
ok($last->closed(5), 'one that sends takes it');
sounds(880, 'and is heard');

# the names of two streams are not confused
my $other = broadcaster($node, name => 'studio', media => $low);
ok(!$again->closed(0.01), 'a name that is a prefix is another name');
is(scalar(@{ $node->status()->{streams} }), 2, 'two streams');

conforms('one unbroken programme through all of it',
         @{ $witness->join()->{violations} });

$again->stop();
$other->stop();
$node->done('TERM');
done_testing();
