#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a stream is made of passes through relays as it is: several renditions,
# other audio parameters in mid-stream, and a history that is another one.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Tier;


need('ffmpeg');

my $stereo = Stentor::Media::fixture(freq => 440);
my $mono = Stentor::Media::fixture(freq => 880, rate => 44100,
                                   channels => 1);


# --- a ladder

my $origin = origin(application => 'rendition main bitrate=128k;'
                                   . ' rendition low bitrate=48k channels=1;');
my $b = broadcaster($origin, media => $stereo);
my $edge = pulls_from([$origin]);

for my $rendition (qw(main low)) {
    my $l = listener($edge, rendition => $rendition);
    ok($l->parts(8), "$rendition is heard");
    conforms("$rendition conforms", @{ $l->{violations} });
    conforms("$rendition is the same",
             differs($edge, $origin, 'studio1', $rendition));
}

is($edge->get('/live/studio1/index.m3u8')->{text},
   $origin->get('/live/studio1/index.m3u8')->{text},
   'what there is to choose from is the same');
$b->stop();
$_->done('TERM') for $edge, $origin;

# --- other parameters, known before and while they change

$origin = origin();
$b = broadcaster($origin, media => $stereo);
$edge = pulls_from([$origin]);

my $l = listener($edge, keep => 1);
ok($l->parts(5), 'stereo is heard');
my $second = broadcaster($origin, media => $mono);
ok($l->run(sub ($l) {
    return keys(%{ $l->{inits} }) == 2 && abs(($l->tone(4) // 0) - 880) < 10;
}), 'and mono, in another rate, from who comes next');
is($l->{init}{asc}, $mono->{asc}, 'with its init segment');
conforms('with a discontinuity, and nothing else',
         @{ $l->{violations} });
conforms('the edge has what the origin has', differs($edge, $origin));

my $late = pulls_from([$origin], id => 'edge-2');
is($late->get('/live/studio1/audio.m3u8')->{status}, 200,
   'a node that comes later');
conforms('has it all, too', differs($late, $origin));

$edge->kill_worker('KILL', $edge->stream('live/studio1')->{owner_pid});
ok($l->parts(8), 'another worker goes on in what it has become');
conforms('as if nothing had happened', @{ $l->{violations} });

$_->stop() for $b, $second;

# --- an origin that has lost all it knew

my $was = playlist($edge);
my $pid = $origin->{pid};
kill('KILL', -$pid);
$origin->reap(5);
ok($edge->wait_stream('live/studio1', sub ($st) {
    return $st && !@{ $st->{relay}{chain} };
}), 'the origin is gone: the edge knows that it has nobody');
is($edge->get('/live/studio1/audio.m3u8')->{status}, 200,
   'what there is can be read');

$origin->start();
$b = broadcaster($origin, media => $stereo);
ok($edge->wait_stream('live/studio1', sub ($st) {
    return $st && @{ $st->{relay}{chain} };
}), 'it is back: the edge asks it again');
ok($edge->wait_until(sub { !differs($edge, $origin) }),
   'and gets all of what is another stream');
$l = listener($edge, edge => 1);
ok($l->parts(8), 'which is heard');
conforms('and conforms', @{ $l->{violations} });
conforms('and is the same', differs($edge, $origin));
cmp_ok(playlist($edge)->{segments}[-1]{msn}, '>=', $was->{segments}[-1]{msn},
       'its numbers do not go back');

$b->stop();
$_->done('TERM') for $late, $edge, $origin;
done_testing();
