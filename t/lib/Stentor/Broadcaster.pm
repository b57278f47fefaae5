# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A live broadcaster in a process of its own: publishes AAC frames over RTMP
# at the pace of their clock until told to stop, so that a test can look at
# listeners meanwhile.  It can leave in order, be killed, or be frozen (a
# connection that stays open and sends nothing: a ghost).

package Stentor::Broadcaster;

use v5.36;

use IO::Handle;
use IO::Select;
use POSIX ();
use Time::HiRes qw(time);

use Stentor::Media;
use Stentor::RTMP;

my %running;


# start(port =>, media => Media::fixture() or packets(), name => 'studio1',
# app => 'live', ts => first timestamp in ms, video => bytes sent ten times a
# second, encoder => metadata, sounds => { name => fixture of the same format }:
# what play() may switch to).  Returns once the server has said Publish.Start,
# or dies with what it said.

sub start($class, %o) {
    $o{media} //= Stentor::Media::fixture();

    pipe(my $ctl_r, my $ctl_w) or die "pipe: $!\n";
    pipe(my $say_r, my $say_w) or die "pipe: $!\n";

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        close($ctl_w);
        close($say_r);
        $say_w->autoflush(1);
        my $rc = eval { broadcast($ctl_r, $say_w, %o); 1 };
        print {$say_w} "error $@" if !$rc;
        POSIX::_exit($rc ? 0 : 1);
    }

    close($ctl_r);
    close($say_w);

    my $self = bless { pid => $pid, ctl => $ctl_w, say => $say_r }, $class;
    $running{$pid} = $self;

    my $said = $self->said($Stentor::RTMP::TIMEOUT) // 'nothing';
    return $self if $said =~ /^ready/;

    # or he would publish when it is too late
    $self->kill_it();
    die "broadcaster: $said\n";
}


# The child: frame k leaves when its last sample would have been recorded.

sub broadcast($ctl, $say, %o) {
    my $media = $o{media};
    my $s = Stentor::RTMP->open(%o, %$media{qw(asc fourcc legacy)});
    $s->metadata(encoder => $o{encoder} // 'test') if $s;
    print {$say} "ready\n";

    my $step = $media->{samples} / $media->{rate};
    my $t0 = time();
    my $select = IO::Select->new($ctl, $s->{socket});
    my ($k, $v) = (0, 0);

    while (1) {
        my $now = time() - $t0;
        my $due = int($now / $step);

        if ($due > $k) {
            $s->frames($media->{frames}, $k, $due - $k, ts => $o{ts},
                       rate => $media->{rate},
                       samples => $media->{samples}) or last;
            $k = $due;
        }

        if ($o{video} && $now * 10 > $v) {
            $s->video($o{video}, int($now * 1000));
            $v++;
        }

        my $left = $t0 + ($k + 1) * $step - time();
        my @ready = $select->can_read($left > 0 ? $left : 0);

        $s->pump();
        last if $s->{eof};

        next if !grep { $_ == $ctl } @ready;

        my $n = sysread($ctl, my $word, 64);

        if ($n && $word =~ /^play (\w+)/) {
            $media = $o{sounds}{$1} // die "no sound $1\n";
            next;
        }

        $s->unpublish() if $n;
        return;
    }

    print {$say} "closed after $k frames\n";
}


# The next line the child said, undef when none comes within seconds.

sub said($self, $seconds) {
    my $deadline = time() + $seconds;
    my $select = IO::Select->new($self->{say});

    while (($self->{line} // '') !~ /\n/) {
        my $left = $deadline - time();
        return undef if $left <= 0 || !$select->can_read($left);
        my $n = sysread($self->{say}, $self->{line}, 4096,
                        length($self->{line} //= ''));
        last if !$n;
    }

    return $self->{line} =~ s/^(.*?)(?:\n|\z)//s && length($1) ? $1 : undef;
}


# From now on he sends another sound of those he was started with.

sub play($self, $name) {
    syswrite($self->{ctl}, "play $name\n");
}


# True when the server has closed the connection (within seconds).

sub closed($self, $seconds = $Stentor::RTMP::TIMEOUT) {
    return ($self->said($seconds) // '') =~ /^(?:closed|error)/;
}


# Whether it has ended by itself.

sub gone($self) {
    return 1 if !$self->{pid};
    return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;

    delete $running{ delete $self->{pid} };
    return 1;
}


# Leaves in order: FCUnpublish, deleteStream, FIN.

sub stop($self) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{ctl}, 'stop');
    return $self->reap();
}


sub freeze($self) { kill('STOP', $self->{pid}) }
sub thaw($self) { kill('CONT', $self->{pid}) }


# Dies without a word.

sub kill_it($self) {
    kill('KILL', $self->{pid});
    return $self->reap();
}


sub reap($self) {
    my $pid = delete $self->{pid} // return;
    waitpid($pid, 0);
    delete $running{$pid};
    return $? >> 8;
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
