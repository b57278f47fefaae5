#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Players that we did not write hear the broadcaster's tone: ffmpeg,
# GStreamer (hlsdemux2) and mpv, all at once.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need(qw(ffmpeg gst-launch-1.0 mpv timeout));

my $HZ = 660;
my ($node, $b) = on_air(window => '20s',
    broadcaster => { media => Stentor::Media::fixture(freq => $HZ) });

# players begin a few target durations back: let live audio be there
my $l = listener($node, edge => 1);
ok($l->parts(30), 'some seconds of live audio');
conforms('a clean programme', @{ $l->{violations} });

my $url = $node->url('/live/studio1/index.m3u8');
my $dir = $node->dir();
my $raw = 'audio/x-raw,format=S16LE,rate=8000,channels=1,layout=interleaved';

my %players = (
    ffmpeg => "timeout 30 ffmpeg -hide_banner -loglevel warning -y -i $url"
        . " -t 5 -ac 1 -ar 8000 -f s16le $dir/ffmpeg.pcm",
    gstreamer => "timeout -s INT 10 gst-launch-1.0 -q playbin3 uri=$url"
        . " flags=audio audio-sink='audioconvert ! audioresample ! $raw"
        . " ! filesink location=$dir/gstreamer.pcm'",
    mpv => "timeout 30 mpv --no-config --no-terminal --no-video --length=5"
        . " --ao=pcm --ao-pcm-file=$dir/mpv.pcm --ao-pcm-waveheader=no"
        . " --audio-channels=mono --audio-samplerate=8000"
        . " --audio-format=s16 $url",
);

my %pid;

for my $name (sort keys %players) {
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDOUT, '>', "$dir/$name.out");
        open(STDERR, '>&', \*STDOUT);
        exec('sh', '-c', "exec $players{$name}")
            or POSIX::_exit(127);
    }

    $pid{$name} = $pid;
}

for my $name (sort keys %players) {
    waitpid($pid{$name}, 0);

    my $pcm = Stentor::Node::slurp("$dir/$name.pcm") // '';
    my $seconds = length($pcm) / 16000;
    cmp_ok($seconds, '>', 3, "$name: plays")
        or diag(Stentor::Node::slurp("$dir/$name.out"));

    my $end = length($pcm) > 32000 ? substr($pcm, -24000, 16000) : $pcm;
    my $tone = Stentor::Media::tone($end, 8000);
    ok(defined $tone && abs($tone - $HZ) < 10, "$name: hears the tone")
        or diag('heard ' . ($tone // 'silence'));
}

$b->stop();
$node->done();
done_testing();
