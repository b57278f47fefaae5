#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The end of a broadcast: comfort audio goes on, after the linger time the
# playlist ends, then the stream is gone; whoever publishes again continues
# the numbers.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my $node = Stentor::Node->new(linger => '2s', window => '8s',
    location => 'stentor_hls_pending time=100ms max=100;');
my $URL = '/live/studio1/audio.m3u8';


sub state_is($state, $what, $seconds = 10) {
    return ok($node->wait_stream('live/studio1', sub ($st) {
        return ($st ? $st->{state} : 'gone') =~ /^(?:$state)$/;
    }, $seconds, $what), $what);
}


# --- lost, and back in time

my $b = broadcaster($node);
my $l = listener($node);
ok($l->parts(10), 'on the air');

$b->kill_it();
state_is('hold', 'a killed broadcaster: hold');
is($node->stream('live/studio1')->{session}, undef, 'no session');
ok($l->parts(6), 'the programme goes on');
my $holds = $node->stream('live/studio1')->{repairs}{hold_frames};
cmp_ok($holds, '>', 0, 'with comfort frames');

$b = broadcaster($node);
ok($l->parts(8), 'the broadcaster is back');
is($node->stream('live/studio1')->{state}, 'live', 'live again');
conforms('one unbroken programme', @{ $l->{violations} });

# one who stays connected, whatever becomes of the stream
my $stays = $node->http();


sub hears($c) {
    my $uri = playlist($node)->{segments}[-1]{uri};

    $c->request('GET', "/live/studio1/$uri", 'User-Agent' => 'stays');
    is($c->response()->{status}, 200, 'who stays connected hears');
}


hears($stays);

# --- left for good

my $epoch = $node->stream('live/studio1')->{epoch};
$b->stop();
state_is('hold', 'an orderly end: hold');

my $ended = $l->run(sub ($l) { $l->{playlist}{ended} }, 15);
ok($ended, 'the playlist ends after the linger time');
my $p = $l->{playlist};
conforms('and conforms to its end', @{ $l->{violations} });

# until it is gone, directives mean nothing
my $r = $node->get("$URL?_HLS_msn=" . ($p->{open}{msn} + 500));
ok($r->{status} == 200 || $r->{status} == 404,
   'directives are ignored at the end');

# what was listed at the end, by msn
my %old = map { $_->{msn} => $node->get("/live/studio1/$_->{uri}") }
          @{ $p->{segments} };
is(scalar(grep { $_->{status} != 200 } values %old), 0,
   'the last segments are readable');
my $last_msn = $p->last_msn();

my $hls = $node->status()->{hls};
cmp_ok($hls->{ended_media}, '>=', scalar(keys %old),
       'they are counted as of a stream that has ended');
cmp_ok($hls->{ended_playlists}, '>=', 1, 'and so is its last playlist');

$r = $node->get('/live/studio1/audio-std.m3u8');
like($r->{text}, qr/^#EXT-X-ENDLIST$/m, 'the classic playlist ends too')
    if $r->{status} == 200;

# --- published again: a number may be listed again, but only for the same

$b = broadcaster($node);
my $again = listener($node);
ok($again->run(sub ($l) {
    return $l->{playlist} && $l->{playlist}->last_msn() > $last_msn + 1;
}), 'published again: numbers continue above the old ones');
conforms('a clean programme', @{ $again->{violations} });

my @reused = grep { exists $old{ $_->{msn} } }
             @{ $again->{playlist}{segments} };
my @changed = grep { $node->get("/live/studio1/$_->{uri}")->{body}
                     ne $old{ $_->{msn} }{body} } @reused;
is(scalar(@changed), 0, 'no number has other bytes than before')
    or diag("last $last_msn, others: @{[ map { $_->{msn} } @changed ]}");
cmp_ok($node->stream('live/studio1')->{epoch}, '>', $epoch,
       'the epoch says that it was opened again');

# --- and gone

$b->stop();
state_is('closed|gone', 'left again: closed', 15);

ok($node->wait_until(sub {
    return $node->get('/live/studio1/index.m3u8')->{status} == 404;
}, 30), 'and gone in the end');

# --- published anew

$b = broadcaster($node);
is($node->stream('live/studio1')->{unique}, 0, 'anew: nobody has heard it');
hears($stays);
is($node->stream('live/studio1')->{unique}, 1,
   'but who has stayed, counted again');
$b->stop();

$node->done();
done_testing();
