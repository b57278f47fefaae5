# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A node under ThreadSanitizer: what its threads share they do not change at
# once, nor what is gone.  nginx and the libraries are as they are; what is
# watched is the module, and of the C library memory, mutexes and threads.

package Stentor::Tsan;

use v5.36;

use Test::More ();

use Stentor::Node;


# Fences alone order nothing for ThreadSanitizer.  What lies in the zone is
# ordered by them, between threads as between processes, and is left out: it
# lies in memory that has no name, where nothing else lies.
my $ZONE = qr{\bzero \(deleted\)};

my $OURS = qr{/ngx_module/|/segmenter/};


# Skips the whole test where it cannot be.

sub need() {
    Test::More::plan(skip_all => 'one sanitizer at a time')
        if $ENV{STENTOR_ASAN};

    Stentor::Node::need($Stentor::Node::TSAN_MODULE);

    # some kernels lay out memory as it cannot have it
    my $tsan = Stentor::Node::libtsan();
    Stentor::Node::has(system("LD_PRELOAD=$tsan true") == 0, 'ThreadSanitizer')
        or Test::More::plan(skip_all => 'ThreadSanitizer does not run here');
}


# new(%o): a node, as of Stentor::Node, that is watched.

sub new($class, %o) {
    my $node = Stentor::Node->new(%o, tsan => 1);

    for my $pid ($node->worker_pids()) {
        Test::More::like(Stentor::Node::slurp("/proc/$pid/maps"),
                         qr/libtsan\.so/, "worker $pid is watched");
    }

    return $node;
}


# Asserts that an ended node's threads were in nobody's way.

sub quiet($node) {
    my @bad = grep { !/$ZONE/ && grep { /$OURS/ } frames($_) }
              reports($node);

    Test::More::is(scalar(@bad), 0, 'no report of ThreadSanitizer')
        or Test::More::diag($bad[0]);
}


# What has been reported, each as its text.

sub reports($node) {
    return grep { /WARNING: ThreadSanitizer: / }
           map { split(/^={18}$/m, Stentor::Node::slurp($_)) }
           glob($node->dir() . '/tsan.*');
}


# Where those who do what is reported are.  Each is a paragraph, with what was
# called under it; the first call that is none of the sanitizer's counts.  What
# else it tells, where the memory and the threads came from, does not.

sub frames($report) {
    my ($what, @stacks) = split(/\n\n/, $report);
    unshift(@stacks, $what =~ s/^WARNING:.*\n//mr);

    @stacks = grep { !/\A\s*(?:Location|Mutex|Thread) / } @stacks
        if $report !~ /thread leak/;

    return map {
        (grep { !/libsanitizer|libtsan/ } /^ +#\d+ .*$/mg)[0] // ()
    } @stacks;
}


1;
