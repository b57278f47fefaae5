# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# ffmpeg as a broadcaster: plays a prepared file of AAC in real time, frame by
# frame as it is, so that a test knows what was sent.  It has the methods of
# Stentor::Broadcaster: it can leave in order (FCUnpublish, deleteStream) or
# be killed.

package Stentor::Encoder;

use v5.36;

use File::Path ();
use POSIX ();
use Time::HiRes qw(time sleep);

use Stentor::Node;

my %running;


# start(url => rtmp://..., file => of AAC, log => where its words go, options
# => those of the protocol, env => what its environment has besides, format =>
# the muxer's name).

sub start($class, %o) {
    my $format = $o{format} // 'flv';
    my @flags = $format eq 'flv' ? qw(-flvflags no_duration_filesize) : ();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>>', $o{log} // '/dev/null');
        open(STDERR, '>&', \*STDOUT);
        %ENV = (%ENV, %{ $o{env} // {} });
        exec('ffmpeg', '-nostdin', '-hide_banner', '-nostats',
             '-loglevel', 'warning', '-re', '-i', $o{file}, '-c', 'copy',
             @flags, @{ $o{options} // [] }, '-f', $format, $o{url})
            or POSIX::_exit(127);
    }

    my $self = bless { pid => $pid }, $class;
    $running{$pid} = $self;

    return $self;
}


# A file of AAC that is longer than any test, made once.

sub long_tone() {
    my $path = "$Stentor::Node::TOP/build/t/long-tone.aac";
    return $path if -e $path;

    File::Path::make_path("$Stentor::Node::TOP/build/t");
    system('ffmpeg -nostdin -loglevel error -f lavfi -i sine=440:d=600'
           . " -c:a aac -ar 48000 -ac 2 -f adts $path.$$") == 0
        or die "ffmpeg: $?\n";
    rename("$path.$$", $path) or die "$path: $!\n";

    return $path;
}


# Whether it has ended, by itself or otherwise.

sub gone($self) {
    my $pid = $self->{pid} // return 1;
    return 0 if waitpid($pid, POSIX::WNOHANG()) == 0;

    delete $running{$pid};
    delete $self->{pid};
    return 1;
}


# Leaves in order; false when it took longer than seconds.

sub stop($self, $seconds = 5) {
    my $pid = $self->{pid} // return 0;
    my $deadline = time() + $seconds;

    kill('INT', $pid);
    sleep(0.01) while !$self->gone() && time() < $deadline;

    return 1 if !$self->{pid};
    $self->kill_it();
    return 0;
}


# Dies without a word.

sub kill_it($self) {
    my $pid = delete $self->{pid} // return;

    kill('KILL', $pid);
    waitpid($pid, 0);
    delete $running{$pid};
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->kill_it() for values %running;
        $? = $status;
    }
}


1;
