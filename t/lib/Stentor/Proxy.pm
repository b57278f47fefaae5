# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What the proxies of the tests have in common (Stentor::UdpProxy, TcpProxy):
# each is a process of its own, is told over a pipe what it is to do, and does
# it before it answers.  A setting is a number for each of two directions: up,
# to the server, and down, to the clients.

package Stentor::Proxy;

use v5.36;

use IO::Handle;
use JSON::PP ();
use POSIX ();

my %running;


# launch(process => what serves (see below), port => where, settings): forks,
# and returns when the settings hold.

sub launch($class, $process, $port, %settings) {
    pipe(my $ctl_r, my $ctl_w) or die "pipe: $!\n";
    pipe(my $say_r, my $say_w) or die "pipe: $!\n";

    %settings = $class->settings(%settings);
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        close($ctl_w);
        close($say_r);

        # a busy machine is no bad network: root may go before others
        POSIX::nice(-10);
        local $SIG{PIPE} = 'IGNORE';
        eval {
            $process->hear($ctl_r, $say_w);
            $process->run();
            $process->say($process->statistics());
            1;
        } or warn($@);
        POSIX::_exit(0);
    }

    close($ctl_r);
    close($say_w);
    $ctl_w->autoflush(1);

    my $self = bless { pid => $pid, port => $port, ctl => $ctl_w,
                       say => $say_r }, $class;
    $running{$pid} = $self;
    $self->ask(set => \%settings);

    return $self;
}


# Where clients are to go to.

sub port($self) { return $self->{port} }


# Other settings from now on; those that are not named stay.

sub set($self, %o) {
    return $self->ask(set => { $self->settings(%o) });
}


# Each as up_* and down_*; a class has its own defaults.

sub settings($class, %o) {
    my $default = $class->defaults();
    my %all = map {
        /^(?:up|down)_/ ? () : ("up_$_" => $o{$_}, "down_$_" => $o{$_})
    } keys %o;

    %all = (%all, map { /^(?:up|down)_/ ? ($_ => $o{$_}) : () } keys %o);

    exists $default->{ s/^(?:up|down)_//r } or die "no setting $_\n"
        for keys %all;

    return %all;
}


# Tells it something, and returns its statistics when that is done.

sub ask($self, @words) {
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{ctl} } JSON::PP::encode_json(\@words), "\n";
    return $self->answer();
}


sub statistics($self) { return $self->ask('statistics') }


sub answer($self) {
    my $line = readline($self->{say}) // die "the proxy has died\n";
    return JSON::PP::decode_json($line);
}


# Ends it and returns its last statistics.

sub stop($self) {
    my $pid = delete $self->{pid} // return undef;

    # not just closed: a child of the test may have the pipe, too
    my $last = eval { $self->ask('end') };
    close($self->{ctl});
    waitpid($pid, 0);
    delete $running{$pid};

    return $last;
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop() for values %running;
        $? = $status;
    }
}


# The process: a subclass has run(), statistics(), and a method for each other
# word that it understands.  bits are the descriptors that it reads.

package Stentor::Proxy::Process;

use v5.36;

use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);


sub new($class, %o) {
    return bless { bits => '', text => '', up => {}, down => {}, %o }, $class;
}


sub hear($self, $ctl, $say) {
    $say->autoflush(1);
    @$self{qw(ctl say)} = ($ctl, $say);
    vec($self->{bits}, fileno($ctl), 1) = 1;
}


sub now() { return clock_gettime(CLOCK_MONOTONIC) }


sub nonblocking($socket) {
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK);
}


# Takes what the test tells; false when nobody needs us any more.

sub told($self) {
    sysread($self->{ctl}, $self->{text}, 4096, length($self->{text}))
        or return 0;

    while ($self->{text} =~ s/^(.*)\n//) {
        my ($word, @rest) = @{ JSON::PP::decode_json($1) };
        return 0 if $word eq 'end';
        $self->$word(@rest);
        $self->say($self->statistics());
    }

    return 1;
}


sub set($self, $settings) {
    while (my ($name, $value) = each(%$settings)) {
        my ($way, $key) = split(/_/, $name, 2);
        $self->{$way}{$key} = $value;
    }
}


sub say($self, $what) {
    print { $self->{say} } JSON::PP::encode_json($what), "\n";
}


# Seconds of CPU that it has taken.

sub cpu() {
    my ($user, $system) = times();
    return $user + $system;
}


# When the last bit of so many bytes is through, at the way's rate.

sub through($way, $now, $bytes) {
    my $free = $way->{free} > $now ? $way->{free} : $now;
    return $way->{free} = $free + $bytes * 8 / ($way->{rate} * 1000);
}


# It left at now and was due at due: how exact that was.

sub left($way, $now, $due) {
    my $late = $now - $due;

    $way->{sent}++;
    $way->{late} += $late;
    $way->{latest} = $late if $late > $way->{latest};
}


sub lateness($way) {
    return (late_ms => 1000 * $way->{late} / ($way->{sent} || 1),
            latest_ms => 1000 * $way->{latest});
}


1;
