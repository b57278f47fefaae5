# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A real Prometheus in a directory of its own, configured as the documentation
# has it but for what is scraped, how often, and how long an alert waits: a
# test cannot wait for minutes.  Tests ask it by its HTTP API.

package Stentor::Prometheus;

use v5.36;

use File::Path ();
use File::Temp ();
use HTTP::Tiny ();
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time sleep);

use Stentor::Node;

our $RULES = "$Stentor::Node::TOP/docs/prometheus/alerts.yml";

my %running;


# new(targets => [addresses of nodes]) starts one and returns when it is ready.

sub new($class, %o) {
    my $self = bless { %o }, $class;

    $self->{dir} = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1);
    $self->{port} = Stentor::Node::free_port();
    $self->write_conf();
    $self->start();

    return $self;
}


sub write_conf($self) {
    my $conf = Stentor::Node::slurp(
                   "$Stentor::Node::TOP/docs/prometheus/prometheus.yml");
    my $targets = join(', ', map { "'$_'" } @{ $self->{targets} });

    $conf =~ s/_interval: \K\S+/1s/g;
    $conf =~ s/^alerting:\n(?:\ .*\n)+//m;
    $conf =~ s/static_configs:\n\K(\s+- targets: )(?:.*\n?)+/$1\[$targets]\n/;

    my $rules = Stentor::Node::slurp($RULES);
    $rules =~ s/^( +for: )\S+$/${1}1s/mg;

    Stentor::Node::spew("$self->{dir}/prometheus.yml", $conf);
    Stentor::Node::spew("$self->{dir}/alerts.yml", $rules);
}


sub start($self) {
    my $dir = $self->{dir};
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>>', "$dir/log");
        open(STDERR, '>&', \*STDOUT);
        $ENV{GOMAXPROCS} = 1;
        exec('prometheus', "--config.file=$dir/prometheus.yml",
             "--storage.tsdb.path=$dir/data", '--log.level=warn',
             "--web.listen-address=127.0.0.1:$self->{port}")
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $running{$pid} = $self;

    $self->wait(sub {
        die "prometheus ended at its start:\n" . $self->log()
            if waitpid($pid, POSIX::WNOHANG()) == $pid;
        return $self->fetch('/-/ready')->{success};
    }) or die "prometheus is not ready:\n" . $self->log();
}


sub log($self) { return Stentor::Node::slurp("$self->{dir}/log") // '' }


sub fetch($self, $path) {
    return HTTP::Tiny->new(timeout => 5)
               ->get("http://127.0.0.1:$self->{port}$path");
}


# The data that a path of the API answers with; dies with its error.

sub api($self, $path, %query) {
    my $http = HTTP::Tiny->new(timeout => 5);
    my $r = $http->get("http://127.0.0.1:$self->{port}/api/v1/$path?"
                       . $http->www_form_urlencode(\%query));
    my $said = eval { JSON::PP::decode_json($r->{content}) };

    die "$path: " . ($said->{error} // $r->{content}) . "\n"
        if !$said || $said->{status} ne 'success';

    return $said->{data};
}


# What an expression comes to now: a list of {metric => labels, value}.

sub query($self, $expr) {
    return map { { metric => $_->{metric}, value => $_->{value}[1] } }
           @{ $self->api('query', query => $expr)->{result} };
}


# The alerts that fire now: each as its labels.

sub firing($self) {
    return map { $_->{labels} } grep { $_->{state} eq 'firing' }
           @{ $self->api('alerts')->{alerts} };
}


# Polls until test->() is true, and returns what it said.

sub wait($self, $test, $seconds = 2 * $Stentor::Node::PATIENCE) {
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        my $said = $test->();
        return $said if $said;
        sleep(0.1);
    }

    return undef;
}


sub stop($self) {
    my $pid = delete $self->{pid} // return;

    delete $running{$pid};
    kill('TERM', $pid);
    waitpid($pid, 0);
    File::Path::remove_tree($self->{dir}) if !$ENV{STENTOR_KEEP};
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
