#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Hold audio: what is heard while the broadcaster is not.  The built-in chord
# or a file, for an application or for one stream; when it begins and ends,
# and that nobody hears where.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Ear;

use File::Temp ();
use Time::HiRes qw(time);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);

my %TONES = (app => 400, own => 660, m4a => 740, new => 560, live => 880);
my $low = Stentor::Media::fixture(freq => $TONES{live});
my $mono = Stentor::Media::fixture(freq => $TONES{live}, rate => 44100,
                                   channels => 1);


# A tone as a file of whatever kind its name says.

sub make($name, $hz, $seconds, @options) {
    my @cmd = ('ffmpeg', '-hide_banner', '-nostats', '-loglevel', 'error',
               '-y', '-f', 'lavfi', '-i',
               "sine=frequency=$hz:sample_rate=44100:duration=$seconds",
               '-ac', 2, @options, "$dir/$name");

    system(@cmd) == 0 or die "ffmpeg makes no $name: $?\n";
    return "$dir/$name";
}


# What is heard of a byte string: a Stentor::Ear.

sub ear($bytes) {
    my $ear = Stentor::Ear->new(tones => \%TONES, marked => 'none');

    Stentor::Node::spew("$dir/heard.mp4", $bytes);
    $ear->hear("$dir/heard.mp4", 0);

    return $ear;
}


# The whole window of a stream.

sub window_of($node, $app, $name) {
    my $r = $node->get("/$app/$name/audio.m3u8");
    my $p = Stentor::Playlist::parse($r->{text});

    return join('', fetch_all($node, map { "/$app/$name/$_" }
                $p->{map}, map { $_->{uri} } @{ $p->{segments} }));
}


sub whats($ear) { return join(' ', map { $_->{what} } $ear->runs()) }


# One thing from beginning to end: no silence, and no click where it repeats.

sub is_all($what, $ear, $name) {
    is(whats($ear), $what, $name);
    is(scalar($ear->clicks(-50)), 0, "$name: without a click")
        or diag(explain([ $ear->clicks(-50) ]));
}


# Until the last parts sound like that.

sub sounds($l, $what, $name) {
    my $tone;

    return ok($l->run(sub ($l) {
        return 0 if @{ $l->{parts} } < 3;
        $tone = $l->tone(3);
        return defined $tone && abs($tone - $TONES{$what}) < 10;
    }, $Stentor::Node::PATIENCE), $name)
        || diag('heard ' . ($tone // 'silence'));
}


make('app.wav', $TONES{app}, 2.3);
make('own.mp3', $TONES{own}, 3.217);
make('own.m4a', $TONES{m4a}, 1.7);

my $t0 = time();
my $node = Stentor::Node->new(
    window => '8s', grace => '2s',
    application => "hold $dir/app.wav; stream one; stream two/x;"
                   . " stream mp3 hold=$dir/own.mp3;"
                   . " stream m4a hold=$dir/own.m4a;",
    stentor => 'application bare { stream one; part_duration 200ms;'
               . ' window 8s; }',
    http_server => 'location /bare/ { stentor_hls; }',
);

# --- whose is played

my %WHAT = (one => 'app', mp3 => 'own', m4a => 'm4a');

for my $name (sort keys %WHAT) {
    $node->wait_stream("live/$name", sub ($st) { $st });
    is_all($WHAT{$name}, ear(window_of($node, 'live', $name)),
           "$name: its file, round and round, from the first window on");
}

note(sprintf('all heard after %.1f s', time() - $t0));

my $ear = ear(window_of($node, 'bare', 'one'));
is_all('chord', $ear, 'without a file the chord plays');
is($ear->longest_silence()->{seconds}, 0, 'and is never silent');

# --- a broadcaster comes and goes

my @witnesses = map {
    Stentor::Listener->fork_run(120, port => $node->port_http(),
                                path => "/live/$_")
} 'one', 'mp3';
my $l = listener($node, path => '/live/one', keep => 1, edge => 1);
$l->parts(2);
my $b = broadcaster($node, name => 'one', media => $low);
sounds($l, 'live', 'a broadcaster is heard');

my $left = time();
$b->stop();
$node->wait_stream('live/one', sub ($st) { $st->{state} eq 'hold' });
cmp_ok(time() - $left, '<', 1.5, 'he ends: hold audio at once');
sounds($l, 'app', 'and it is the file again');

$b = broadcaster($node, name => 'one', media => $low);
sounds($l, 'live', 'he is back');
$left = time();
$b->freeze();
$node->wait_stream('live/one', sub ($st) { $st->{state} eq 'hold' });
cmp_ok(time() - $left, '>', 1.9, 'he hangs: hold audio is patient');
cmp_ok(time() - $left, '<', 4, 'as long as it was told');
sounds($l, 'app', 'then it plays');
$b->kill_it();

conforms('one unbroken programme', @{ $l->{violations} });
unlike($l->{playlist}{text}, qr/^#EXT-X-DISCONTINUITY$/m,
       'without a discontinuity');

$ear = ear(join('', $l->{init_bytes}, map { $_->{body} } @{ $l->{parts} }));
is(whats($ear), 'app live app live app',
   'only hold audio and he are heard, in turn');
is($ear->longest_silence()->{seconds}, 0, 'never silence');
is(scalar($ear->clicks(-40)), 0, 'and no click in between')
    or diag(explain([ $ear->clicks(-40) ]));

# --- in another format

$b = broadcaster($node, name => 'two/x', media => $mono);
my $m = listener($node, path => '/live/two/x', keep => 1, edge => 1);
sounds($m, 'live', 'another rate: he is heard');
$b->stop();
sounds($m, 'app', 'the file plays at his rate');
is($m->{init}{rate}, 44100, 'which it is');

# --- another file under the same name

$b = broadcaster($node, name => 'mp3', media => $low);
my $k = listener($node, path => '/live/mp3', keep => 1, edge => 1);
sounds($k, 'live', 'on the air');

make('app.wav', $TONES{new}, 1.9);
make('own.mp3', $TONES{new}, 2.9);
$node->reload();
sounds($l, 'new', 'after a reload the new file plays');
sounds($k, 'live', 'who was on the air still is');
$b->stop();
sounds($k, 'new', 'and when he has left the new file plays');
conforms('unbroken over all of it', @{ $_->join()->{violations} })
    for @witnesses;

$node->done('TERM');
done_testing();
